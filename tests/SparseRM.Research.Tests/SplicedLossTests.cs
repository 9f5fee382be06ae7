using System.Text.Json;
using SparseRM.Models;
using SparseRM.Research.SaeTraining;
using SparseRM.Research.Vocabulary;
using SparseRM.Sae;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Research.Tests;

/// <summary>The loss of the next token, and what of it an SAE keeps.</summary>
public sealed class SplicedLossTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Against logits that another project recorded, in float64 from there on.</summary>
    [Theory]
    [InlineData("tiny_llama")]
    [InlineData("tiny_qwen2")]
    [InlineData("tiny_gemma")]
    public void The_loss_is_that_of_logits_of_others(string name)
    {
        string source = SharedData.Shared("goldens", "tiny-fixtures");
        File.Copy(Path.Combine(source, $"{name}_config.json"), _folder.File("config.json"));
        File.Copy(Path.Combine(source, $"{name}.safetensors"), _folder.File("model.safetensors"));
        using var recorded = JsonDocument.Parse(File.ReadAllText(Path.Combine(source, $"{name}_logits.json")));
        var sequences = recorded.RootElement.GetProperty("sequences");
        for (int s = 0; s < sequences.GetArrayLength(); s++)
        {
            int[] ids = [.. sequences[s].EnumerateArray().Select(id => id.GetInt32())];
            double[][] logits = [.. recorded.RootElement.GetProperty("logits")[s].EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetDouble()).ToArray())];
            double[] expected = [.. ids[1..].Select((next, t) => Math.Log(logits[t].Sum(Math.Exp)) - logits[t][next])];
            var found = Losses(new BackboneOptions { Model = _folder.Path, Backend = "cpu", Compute = DType.F32 }, ids, out _, out _);
            for (int t = 0; t < expected.Length; t++) Assert.Equal(expected[t], found[t], 1e-4);
        }
    }

    /// <summary>Gemma-2 caps its logits; MiniWorld is one, and its head is its embedding.</summary>
    [Fact]
    public void Capped_logits_are_those_of_plain_sums()
    {
        int[] ids = [2, 300, 301, 17, 900];
        var found = Losses(World.Backbone with { Compute = DType.F32 }, ids, out float[] states, out var config);
        var index = WeightIndex.Open(World.Backbone.Model);
        float[] rows = index.Take("model.embed_tokens.weight").ReadSingles(), norm = index.Take("model.norm.weight").ReadSingles();
        for (int t = 0; t + 1 < ids.Length; t++)
        {
            var x = states.AsSpan(t * config.DModel, config.DModel).ToArray();
            double factor = 1 / Math.Sqrt(x.Average(value => (double)value * value) + config.RmsNormEps);
            double[] logits = [.. Enumerable.Range(0, config.DVocab).Select(v =>
                30 * Math.Tanh(Enumerable.Range(0, x.Length).Sum(i => x[i] * factor * (1 + norm[i]) * rows[(v * x.Length) + i]) / 30))];
            Assert.Equal(Math.Log(logits.Sum(Math.Exp)) - logits[ids[t + 1]], found[t], 1e-4);
        }
    }

    /// <summary>An SAE that gives each state back loses nothing, one that is never active is zeros; between, an SAE of a block before the last or of the last itself.</summary>
    [Theory, InlineData(4), InlineData(5)]
    public void The_share_is_one_for_the_states_and_none_for_zeros(int layer)
    {
        using var backbone = Backbone.Open(World.Backbone, layer);
        var texts = new TrainingTexts([SharedData.MiniWorld("pairs", "truthfulness.test.jsonl")], backbone, 512);
        var meter = SplicedLossMeter.Open(backbone, texts, texts.Pieces(TextPart.All).Take(20), layer, out string missing)!;
        Assert.Equal("", missing);
        var whole = meter.Measure(Sae("identity", backbone.DModel, 0), null);
        Assert.Equal(whole.Loss, whole.WithSae);
        Assert.Equal(1, whole.Recovered);
        var none = meter.Measure(Sae("zeros", backbone.DModel, -1e9f), null);
        Assert.Equal((whole.Loss, whole.WithZeros, none.WithZeros, 0.0), (none.Loss, none.WithSae, whole.WithZeros, none.Recovered));
        int predictions = texts.Pieces(TextPart.All).Take(20).Sum(piece => Enumerable.Range(0, piece.Ids.Length - 1).Count(t => texts.Counts(piece.Ids.Span[t])));
        Assert.Equal(predictions, whole.Tokens);
        if (layer != 4) return;
        // Far better than zeros, not as good as the states.
        var shipped = meter.Measure(SaeFormatCatalog.Open(World.Sae), null);
        Assert.InRange(shipped.Recovered!.Value, 0.99, 0.9999);
        Assert.True(shipped.WithSae > shipped.Loss);
    }

    [Fact]
    public void Without_later_blocks_or_a_head_it_says_why()
    {
        string model = _folder.File("model");
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(World.Backbone.Model)) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        var index = WeightIndex.Open(model);
        TensorToWrite[] kept = [.. index.Names.Where(name => !name.Contains("layers.5.", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name => Copied(index.Take(name)))];
        string cut = _folder.File("cut.safetensors");
        SafetensorsWriter.Write(cut, kept);
        File.Move(cut, Path.Combine(model, "model.safetensors"), overwrite: true);
        using var backbone = Backbone.Open(World.Backbone with { Model = model }, 4);
        var texts = new TrainingTexts([SharedData.MiniWorld("pairs", "truthfulness.test.jsonl")], backbone, 512);
        Assert.Null(SplicedLossMeter.Open(backbone, texts, texts.Pieces(TextPart.All).Take(2), 4, out string missing));
        Assert.Contains("layers.5.", missing);
    }

    private static TensorToWrite Copied(WeightSlice slice)
    {
        float[] values = slice.ReadSingles();
        int columns = (int)slice.Shape[^1];
        return slice.Shape.Count == 1 ? TensorToWrite.Singles(slice.Name, values, values.Length)
            : TensorToWrite.Rows(slice.Name, (int)slice.Shape[0], columns, (i, row) => values.AsSpan((int)i * columns, columns).CopyTo(row));
    }

    private static double[] Losses(BackboneOptions options, int[] ids, out float[] states, out ModelConfig config)
    {
        using var backbone = Backbone.Open(options, 0);
        config = backbone.Config;
        int last = config.NLayers - 1, predicting = ids.Length - 1;
        double[] losses = new double[predicting];
        float[] read = new float[predicting * config.DModel];
        backbone.Engine.Use(() =>
        {
            backbone.Model.Load(last);
            using var forward = new TransformerForward(backbone.Model);
            using var loss = new NextTokenLoss(backbone.Model, Unembedding.Open(backbone.Model.Folder, out _)!);
            var rows = forward.RunToLayer(TokenBatch.Pack([new TokenSequence(ids, ReadOut.Each(0, predicting))]), last);
            backbone.Backend.Download(rows, read);
            loss.Of(rows, ids.AsSpan(1), losses);
        });
        states = read;
        return losses;
    }

    /// <summary>Latents that are a state's positive parts and its negative ones, shifted.</summary>
    private SparseAutoencoder Sae(string name, int dIn, float shift)
    {
        string folder = _folder.File($"{name}-{dIn}");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "cfg.json"), $$"""
            {"architecture": "standard", "d_in": {{dIn}}, "d_sae": {{2 * dIn}}, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": false,
             "normalize_activations": "none", "reshape_activations": "none", "metadata": { } }
            """);
        SafetensorsWriter.Write(Path.Combine(folder, "sae_weights.safetensors"),
        [
            TensorToWrite.Rows("W_enc", dIn, 2 * dIn, (i, row) =>
            {
                row.Clear();
                (row[(int)i], row[dIn + (int)i]) = (1, -1);
            }),
            TensorToWrite.Rows("W_dec", 2 * dIn, dIn, (j, row) =>
            {
                row.Clear();
                row[(int)j % dIn] = j < dIn ? 1 : -1;
            }),
            TensorToWrite.Singles("b_enc", Enumerable.Repeat(shift, 2 * dIn).ToArray(), 2 * dIn),
            TensorToWrite.Singles("b_dec", new float[dIn], dIn),
        ]);
        return SaeFormatCatalog.Open(folder);
    }
}
