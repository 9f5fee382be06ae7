using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Models;

/// <summary>Trained weights: the shipped MiniWorld and the team's stories260k.</summary>
public class RealModelGoldenTests
{
    [Theory, MemberData(nameof(GoldenBackends.Rows), MemberType = typeof(GoldenBackends))]
    public void MiniWorld_agrees_in_f32_and_bf16(string backendName)
    {
        var golden = SafetensorsFile.Open(SharedData.Shipped("miniworld", "golden.safetensors"));
        var dialogues = File.ReadLines(SharedData.Shipped("miniworld", "golden.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line)).ToArray();
        using var backend = GoldenBackends.Open(backendName);
        foreach (var compute in new[] { DType.F32, DType.BF16 })
        {
            using var model = TransformerModel.Open(backend, SharedData.MiniWorld("model"), compute == DType.F32 ? 5 : 4, compute);
            using var forward = new TransformerForward(model);
            foreach (int i in GoldenBackends.Some(backendName, [.. Enumerable.Range(0, dialogues.Length)]))
            {
                int[] ids = [.. dialogues[i].RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
                forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), model.LastLayer, (name, tensor) =>
                {
                    if (!name.EndsWith("resid_post", StringComparison.Ordinal)) return;
                    string recorded = $"{name.Replace("blocks.", "block.").Replace("hook_", "")}.{i}";
                    if (compute == DType.BF16 && !golden.Contains($"bf16.{recorded}")) return;
                    var f32 = golden.Take(recorded).ReadSingles();
                    double bound = compute == DType.F32 ? GoldenBackends.Bound(backendName)
                        : 1.5 * TensorAssert.RelativeError(f32, golden.Take($"bf16.{recorded}").ReadSingles());
                    var values = new float[tensor.Rows * tensor.Columns];
                    backend.Download(tensor, values);
                    TensorAssert.Close(f32, values, bound, $"{compute} {recorded} on {backendName}");
                });
            }
        }
        Assert.Equal(20, dialogues.Length);
    }

    [Theory, MemberData(nameof(GoldenBackends.Rows), MemberType = typeof(GoldenBackends))]
    public void Stories260k_agrees_block_by_block(string backendName)
    {
        string folder = SharedData.Shared("models", "stories260k");
        var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        using var backend = GoldenBackends.Open(backendName);
        using var model = TransformerModel.Open(backend, folder, 4, DType.F32);
        using var forward = new TransformerForward(model);
        for (int text = 0; text < 4; text++)
        {
            int[] ids = [.. golden.Take($"{text}.ids").ReadIntegers().Select(id => (int)id)];
            int compared = 0;
            forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), 4, (name, tensor) =>
            {
                int? after = name == "hook_embed" ? 0 : name.EndsWith("resid_post", StringComparison.Ordinal) ? int.Parse(name.Split('.')[1]) + 1 : null;
                if (after is null) return;
                var values = new float[tensor.Rows * tensor.Columns];
                backend.Download(tensor, values);
                TensorAssert.Close(golden.Take($"{text}.resid.{after}").ReadSingles(), values, GoldenBackends.Bound(backendName), $"text {text}, {name} on {backendName}");
                compared++;
            });
            Assert.Equal(6, compared);
        }
    }
}
