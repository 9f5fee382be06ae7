using SparseRM.Backends;
using SparseRM.Backends.Reference;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Models;

/// <summary>Every family, stage by stage, against hidden states recorded from transformers: the first wrong stage names itself.</summary>
public class ModelGoldenTests
{
    public static readonly TheoryData<string, string> Cases = new(
        from family in new[] { "gemma", "gemma2", "gemma3", "llama2", "llama31", "mistral", "qwen2", "qwen3" }
        from backend in new[] { "reference" }
        select (family, backend));

    [Theory, MemberData(nameof(Cases))]
    public void Every_stage_agrees_in_f32(string family, string backendName)
    {
        using var backend = Open(backendName);
        double bound = backendName == "reference" ? 5e-6 : 2e-5;
        string folder = SharedData.Shipped("goldens", "models", family);
        int last = SparseRM.Models.Architectures.ArchitectureCatalog.Read(folder).NLayers - 1;
        using var model = TransformerModel.Open(backend, folder, last, DType.F32);
        using var forward = new TransformerForward(model);
        var golden = SafetensorsFile.Open(Path.Combine(folder, "golden.safetensors"));
        for (int s = 0; s < 4; s++)
        {
            int[] ids = [.. golden.Take($"ids.{s}").ReadIntegers().Select(id => (int)id)];
            var seen = new HashSet<string>();
            forward.RunToLayer(TokenBatch.Pack([new(ids, 0, ids.Length)]), last, (name, tensor) =>
            {
                string recorded = $"{name.Replace("blocks.", "block.").Replace("hook_", "")}.{s}";
                seen.Add(recorded);
                TensorAssert.Close(golden.Take(recorded).ReadSingles(), Downloaded(backend, tensor), bound, $"{family} {recorded} on {backendName}");
            });
            Assert.Equal(1 + 3 * (last + 1), seen.Count);
        }
    }

    private static Backend Open(string name) => name switch
    {
        "reference" => new ReferenceBackend(),
        _ => throw new ArgumentException(name),
    };

    private static float[] Downloaded(Backend backend, Tensor tensor)
    {
        var values = new float[tensor.Rows * tensor.Columns];
        backend.Download(tensor, values);
        return values;
    }
}
