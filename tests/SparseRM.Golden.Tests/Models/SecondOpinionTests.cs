using System.Text.Json;
using SparseRM.Models;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Golden.Tests.Models;

/// <summary>Logits of tiny models that other projects recorded: our states through their final norm and head, applied here.</summary>
public class SecondOpinionTests
{
    [Theory]
    [InlineData("tiny_llama", false, 0)]
    [InlineData("tiny_llama", true, 0)]
    [InlineData("tiny_qwen2", false, 0)]
    [InlineData("tiny_gemma", false, 1)]
    public void Logits_agree_with_neural_api(string name, bool sharded, int unitOffset)
    {
        string source = SharedData.Shared("goldens", "tiny-fixtures");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(source, $"{name}_config.json"), folder.File("config.json"));
        if (sharded)
        {
            File.Copy(Path.Combine(source, $"{name}.safetensors.index.json"), folder.File("model.safetensors.index.json"));
            foreach (string shard in Directory.EnumerateFiles(source, $"{name}-0*")) File.Copy(shard, folder.File(Path.GetFileName(shard)));
        }
        else
        {
            File.Copy(Path.Combine(source, $"{name}.safetensors"), folder.File("model.safetensors"));
        }
        using var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(source, $"{name}_logits.json")));
        var sequences = expected.RootElement.GetProperty("sequences");
        for (int s = 0; s < sequences.GetArrayLength(); s++)
        {
            int[] ids = [.. sequences[s].EnumerateArray().Select(id => id.GetInt32())];
            float[] logits = [.. expected.RootElement.GetProperty("logits")[s].EnumerateArray().SelectMany(row => row.EnumerateArray()).Select(x => x.GetSingle())];
            TensorAssert.Close(logits, Logits(folder.Path, ids, unitOffset), 2e-5, $"{name} sequence {s}");
        }
    }

    [Fact]
    public void Logits_agree_with_paged_infer()
    {
        string source = SharedData.Shared("goldens", "paged-infer");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(source, "config.json"), folder.File("config.json"));
        File.Copy(Path.Combine(source, "tiny_llama.safetensors"), folder.File("model.safetensors"));
        int[] ids = [.. File.ReadLines(Path.Combine(source, "tiny_llama_meta.txt")).Single(l => l.StartsWith("tokens=", StringComparison.Ordinal))[7..].Split(',').Select(int.Parse)];
        byte[] bytes = File.ReadAllBytes(Path.Combine(source, "tiny_llama_golden.bin"));
        float[] logits = [.. Enumerable.Range(0, bytes.Length / 4).Select(i => BitConverter.ToSingle(bytes, i * 4))];
        TensorAssert.Close(logits, Logits(folder.Path, ids, 0), 2e-5, "paged-infer");
    }

    private static float[] Logits(string folder, int[] ids, int unitOffset)
    {
        using var backend = GoldenBackends.Open("reference");
        var config = SparseRM.Models.Architectures.ArchitectureCatalog.Read(folder);
        using var model = TransformerModel.Open(backend, folder, config.NLayers - 1, DType.F32);
        using var forward = new TransformerForward(model);
        var states = forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), config.NLayers - 1);
        var z = new float[ids.Length * config.DModel];
        backend.Download(states, z);
        var index = WeightIndex.Open(folder);
        float[] norm = index.Take("model.norm.weight").ReadSingles();
        float[] head = index.Take(index.Contains("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight").ReadSingles();
        var logits = new float[ids.Length * config.DVocab];
        for (int t = 0; t < ids.Length; t++)
        {
            var row = z.AsSpan(t * config.DModel, config.DModel);
            double squares = 0;
            foreach (float value in row) squares += (double)value * value;
            double factor = 1 / Math.Sqrt(squares / config.DModel + config.RmsNormEps);
            for (int v = 0; v < config.DVocab; v++)
            {
                double sum = 0;
                for (int i = 0; i < row.Length; i++) sum += row[i] * factor * (norm[i] + unitOffset) * head[v * config.DModel + i];
                logits[t * config.DVocab + v] = (float)sum;
            }
        }
        return logits;
    }
}
