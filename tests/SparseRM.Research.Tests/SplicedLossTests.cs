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
        using var meter = new SplicedLossMeter(backbone, texts, texts.Pieces(TextPart.All).Take(20), layer);
        var whole = meter.Measure(Sae("identity", backbone.DModel, 0));
        Assert.Equal(whole.Loss, whole.WithSae);
        Assert.Equal(1, whole.Recovered);
        var none = meter.Measure(Sae("zeros", backbone.DModel, -1e9f));
        Assert.Equal((whole.Loss, whole.WithZeros, none.WithZeros, 0.0), (none.Loss, none.WithSae, whole.WithZeros, none.Recovered));
        int predictions = texts.Pieces(TextPart.All).Take(20).Sum(piece => Enumerable.Range(0, piece.Ids.Length - 1).Count(t => texts.Counts(piece.Ids.Span[t])));
        Assert.Equal(predictions, whole.Tokens);
        if (layer != 4) return;
        // Far better than zeros, not as good as the states.
        var shipped = meter.Measure(SaeFormatCatalog.Open(World.Sae));
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
        World.Refuses(() => new SplicedLossMeter(backbone, texts, texts.Pieces(TextPart.All).Take(2), 4), "layers.5.");
        World.Refuses(() => new SplicedLossMeter(backbone, texts, [new TokenSequence((int[])[2, 300], ReadOut.Each(1, 2))], 4), "no held-out token has a next one");
        // The SAE is there all the same, with what else is known of it.
        var job = new SaeTrainingJob { Model = World.Backbone with { Model = model }, Layer = 4, Data = [SharedData.MiniWorld("pairs", "truthfulness.test.jsonl")], Output = _folder.File("sae") };
        var result = SaeTrainingRun.Run(job, new SaeTrainingOptions { Architecture = SaeArchitecture.TopK, Width = 64, Active = 8, Tokens = 2000, BatchTokens = 256 });
        Assert.Null(result.Measure.Loss);
        Assert.Contains("layers.5.", result.Measure.NoLoss);
        Assert.InRange(result.Measure.Fvu, 0.01, 1);
        Assert.Equal(64, SaeFormatCatalog.Open(job.Output).DSae);
    }

    /// <summary>The states of marks stay: with them replaced by zeros, too, the loss is another.</summary>
    [Fact]
    public void Zeros_stand_in_place_of_all_states_but_those_of_marks()
    {
        using var backbone = Backbone.Open(World.Backbone, 2);
        var texts = new TrainingTexts([SharedData.MiniWorld("pairs", "truthfulness.test.jsonl")], backbone, 512);
        var piece = texts.Pieces(TextPart.All).First();
        using var meter = new SplicedLossMeter(backbone, texts, [piece], 2);
        double found = meter.Measure(SaeFormatCatalog.Open(World.Sae)).WithZeros, kept = 0, none = 0;
        backbone.Engine.Use(() =>
        {
            var (length, width) = (piece.Ids.Length, backbone.DModel);
            int[] predicting = [.. Enumerable.Range(0, length - 1).Where(i => texts.Counts(piece.Ids.Span[i]))];
            var batch = TokenBatch.Pack([new TokenSequence(piece.Ids, ReadOut.Each(0, length))]);
            using var forward = new TransformerForward(backbone.Model);
            using var loss = new NextTokenLoss(backbone.Model, Unembedding.Open(backbone.Model.Folder, out _)!, mostRows: 3);
            using var buffer = backbone.Backend.Allocate((long)length * width);
            var rows = new Tensor(buffer, 0, length, width, width);
            float[] states = new float[length * width];
            backbone.Backend.Download(forward.RunToLayer(batch, 2), states);
            for (int i = 0; i < length; i++)
                if (texts.Counts(piece.Ids.Span[i])) states.AsSpan(i * width, width).Clear();
            kept = With(states);
            none = With(new float[states.Length]);

            double With(float[] values)
            {
                backbone.Backend.Upload(values, rows);
                var last = forward.RunFrom(batch, 2, rows, backbone.Config.NLayers - 1);
                double[] all = new double[length];
                loss.Of(last, [.. piece.Ids.Span[1..], 0], all);
                return predicting.Average(i => all[i]);
            }
        });
        Assert.Equal(kept, found, 1e-9);
        Assert.NotEqual(none, found, 1e-3);
    }

    /// <summary>Gemma-2's default is 30, null is none; a folder that says two things of its head has none.</summary>
    [Fact]
    public void Cap_and_ties_are_read_where_they_stand()
    {
        float Cap(string? value)
        {
            var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(World.Backbone.Model, "config.json")))!.AsObject();
            json.Remove("final_logit_softcapping");
            if (value is not null) json["final_logit_softcapping"] = System.Text.Json.Nodes.JsonNode.Parse(value);
            File.WriteAllText(_folder.File("config.json"), json.ToJsonString());
            return SparseRM.Models.Architectures.ArchitectureCatalog.Read(_folder.Path).FinalLogitSoftcap;
        }
        Assert.Equal((30, 0, 20), (Cap(null), Cap("null"), Cap("20.0")));
        World.Refuses(() => Cap("-5.0"), "final_logit_softcapping", "greater than 0");
        World.Refuses(() => Cap("\"30\""), "final_logit_softcapping");

        string gemma3 = SharedData.Shipped("goldens", "models", "gemma3");
        foreach (string file in Directory.GetFiles(gemma3)) File.Copy(file, _folder.File(Path.GetFileName(file)), overwrite: true);
        var text = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!;
        void Write(bool? inner, bool? outer)
        {
            var own = text.DeepClone().AsObject();
            own.Remove("tie_word_embeddings");
            if (inner is not null) own["tie_word_embeddings"] = inner;
            var whole = new System.Text.Json.Nodes.JsonObject { ["model_type"] = "gemma3", ["text_config"] = own };
            if (outer is not null) whole["tie_word_embeddings"] = outer;
            File.WriteAllText(_folder.File("config.json"), whole.ToJsonString());
        }
        string Missing()
        {
            Unembedding.Open(_folder.Path, out string missing);
            return missing;
        }
        Write(true, false);
        Assert.Contains("one is tied to the embedding and the other not", Missing());
        Write(false, null);
        Assert.Contains("no lm_head.weight", Missing());
        Write(null, false);
        Assert.Contains("no lm_head.weight", Missing());
        text["tie_word_embeddings"] = "no";
        File.WriteAllText(_folder.File("config.json"), text.ToJsonString());
        World.Refuses(() => Missing(), "tie_word_embeddings", "expected true or false");
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
            // Fewer than there are: a model with a large vocabulary takes several rounds.
            using var loss = new NextTokenLoss(backbone.Model, Unembedding.Open(backbone.Model.Folder, out _)!, mostRows: 2);
            var rows = forward.RunToLayer(TokenBatch.Pack([new TokenSequence(ids, ReadOut.Each(0, predicting))]), last);
            backbone.Backend.Download(rows, read);
            loss.Of(rows, ids[1..], losses);
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
