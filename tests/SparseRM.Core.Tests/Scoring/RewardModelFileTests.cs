using CsCheck;
using SparseRM.Core.Tests.Weights;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>What all formats share, and what format 1 refuses.</summary>
public sealed class RewardModelFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(RewardModels.Kinds), MemberType = typeof(RewardModels))]
    public void Saving_and_loading_is_the_identity(HeadInputKind kind, bool gates)
    {
        Gen.Select(Gen.Long, Gen.Int[1, 40]).Sample((seed, hidden) =>
        {
            var model = RewardModels.Make(kind, gates, seed, hidden);
            string path = _folder.File($"{kind}.safetensors"), again = _folder.File($"{kind}.again.safetensors");
            RewardModelFile.Save(path, model);
            var loaded = RewardModelFile.Load(path);
            Assert.Equal(model.Metadata, loaded.Metadata);
            Assert.Equal((kind, model.Input.Count, model.Input.NeedsSae), (loaded.Input.Kind, loaded.Input.Count, loaded.Input.NeedsSae));
            Assert.Equal(model.Input.Latents, loaded.Input.Latents);
            Assert.Equal(model.Input.Directions.ToArray(), loaded.Input.Directions.ToArray());
            Assert.Equal(model.MeanInput.ToArray(), loaded.MeanInput.ToArray());
            float[] z = [.. Enumerable.Range(0, RewardModels.DModel).Select(i => i - 2.5f)];
            if (!model.Input.NeedsSae) Assert.Equal(model.Score(z), loaded.Score(z));
            RewardModelFile.Save(again, loaded);
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));
        }, iter: 10, threads: 1);
    }

    [Fact]
    public void Absent_values_stay_absent()
    {
        var model = RewardModels.Make(HeadInputKind.Dense);
        var metadata = model.Metadata with { SaeId = null, GatingMode = "official", K = null, HeldOutAccuracy = null, HeldOutPairs = 0, TemplateSource = "" };
        string path = _folder.File("r.safetensors");
        RewardModelFile.Save(path, new RewardModel(model.Input, model.Head, model.MeanInput.ToArray(), metadata));
        Assert.Equal(metadata, RewardModelFile.Load(path).Metadata);
    }

    [Fact]
    public void Refuses_other_safetensors_and_missing_files()
    {
        string sae = SharedData.Shipped("goldens", "saes", "saelens-jumprelu", "sae_weights.safetensors");
        Assert.Contains("not a reward model", Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(sae)).Message);
        Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(_folder.File("none.safetensors")));
        Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(_folder.Write("empty.safetensors", [])));
        string text = Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(_folder.Write("pairs.jsonl", "{\"prompt\": \"Q\"}\n"u8.ToArray()))).Message;
        Assert.Contains("is not a reward file", text);
        Assert.Contains("fit or combine wrote", text);
    }

    [Fact]
    public void Refuses_every_missing_field()
    {
        var (tensors, metadata) = Parts(HeadInputKind.Projection);
        foreach (string key in metadata.Keys)
        {
            string message = Refusal(tensors, metadata.Where(field => field.Key != key).ToDictionary());
            Assert.True(message.Contains($"\"{key}\"") || (key == "format" && message.Contains("not a reward model")), $"{key}: {message}");
        }
    }

    [Theory]
    [InlineData("format_version", "3", "format 3")]
    [InlineData("input", "sparse", "projection, activations, dense, random")]
    [InlineData("input", "1", "projection, activations, dense, random")]
    [InlineData("d_model", "0", "at least 1")]
    [InlineData("d_model", "7", "[3, 7]")]
    [InlineData("layer", "-1", "at least 0")]
    [InlineData("layer", "four", "at least 0")]
    [InlineData("layer", "99999999999999999999", "at least 0")]
    [InlineData("position", "first", "last, content, mean")]
    [InlineData("model_fingerprint", "", "some text")]
    [InlineData("dtype", "f16", "f32, bf16 or int8")]
    [InlineData("loss", "hinge", "margin, bradley-terry or bce")]
    [InlineData("margin", "NaN", "at least 0")]
    [InlineData("held_out_accuracy", "1.5", "from 0 to 1")]
    [InlineData("seed", "1.0", "an integer")]
    [InlineData("k", "0", "at least 1")]
    [InlineData("pairs", "-5", "at least 0")]
    [InlineData("chosen_samples", "10", "chosen_counts")]
    public void Refuses_a_malformed_field(string key, string value, string expected)
    {
        var (tensors, metadata) = Parts(HeadInputKind.Projection);
        metadata[key] = value;
        Assert.Contains(expected, Refusal(tensors, metadata));
    }

    [Theory]
    [InlineData("head.W1")]
    [InlineData("head.b1")]
    [InlineData("head.W2")]
    [InlineData("head.b2")]
    [InlineData("mean_input")]
    [InlineData("directions")]
    [InlineData("latents")]
    [InlineData("signs")]
    [InlineData("chosen_counts")]
    [InlineData("rejected_counts")]
    public void Refuses_a_tensor_that_is_missing_or_of_another_shape_or_type(string name)
    {
        var (tensors, metadata) = Parts(HeadInputKind.Projection);
        Assert.Contains($"\"{name}\"", Refusal([.. tensors.Where(tensor => tensor.Name != name)], metadata));
        var other = tensors.Single(tensor => tensor.Name == name);
        string shape = Refusal([.. tensors.Where(tensor => tensor.Name != name), TensorToWrite.Singles(name, new float[77], 7, 11)], metadata);
        Assert.Contains("shape [7, 11]", shape.Contains("[7, 11]") ? shape : $"{shape}: shape [7, 11] is not named");
        var ofBytes = TensorToWrite.Integers(name, new int[other.Shape.Aggregate(1, (product, size) => product * (int)size)], [.. other.Shape]);
        Assert.Contains("is I32", Refusal([.. tensors.Where(tensor => tensor.Name != name), ofBytes], metadata));
    }

    [Fact]
    public void Refuses_values_that_cannot_be()
    {
        var (tensors, metadata) = Parts(HeadInputKind.Projection);
        string Replace(TensorToWrite tensor) => Refusal([.. tensors.Where(other => other.Name != tensor.Name), tensor], metadata);
        Assert.Contains("NaN", Replace(TensorToWrite.Singles("mean_input", new[] { 1, float.NaN, 2 }, 3)));
        Assert.Contains("Infinity", Replace(TensorToWrite.Singles("head.b2", new[] { float.PositiveInfinity }, 1)).Replace("∞", "Infinity"));
        Assert.Contains("1 or -1", Replace(TensorToWrite.Integers("signs", new long[] { 1, 0, -1 }, 3)));
        Assert.Contains("has -1 at element 2", Replace(TensorToWrite.Integers("latents", new long[] { 1, 0, -1 }, 3)));
        Assert.Contains("has 29 at element 0", Replace(TensorToWrite.Integers("rejected_counts", new long[] { 29, 0, 1 }, 3)));
        Assert.Contains("does not know: extra", Refusal([.. tensors, TensorToWrite.Singles("extra", new float[1], 1)], metadata));
    }

    [Fact]
    public void Refuses_a_dense_head_of_another_width()
    {
        var (tensors, metadata) = Parts(HeadInputKind.Dense);
        metadata["d_model"] = "8";
        Assert.Contains("width 8", Refusal(tensors, metadata));
    }

    [Fact]
    public void Any_damage_gives_a_sentence_or_a_whole_model()
    {
        string path = _folder.File("r.safetensors");
        RewardFormat1Writer.Save(path, RewardModels.Make(HeadInputKind.Projection));
        byte[] whole = File.ReadAllBytes(path);
        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte, Gen.Bool).Sample((at, value, cut) =>
        {
            byte[] broken = cut ? whole[..at] : [.. whole];
            if (!cut) broken[at] = value;
            File.WriteAllBytes(path, broken);
            try
            {
                RewardModelFile.Load(path);
                Assert.False(cut);
            }
            catch (ModelFormatException error)
            {
                Assert.StartsWith(path, error.Message);
            }
        }, iter: 500, threads: 1);
    }

    [Fact]
    public void Leaves_nothing_behind_where_it_cannot_write()
    {
        Assert.Throws<SparseRMException>(() => RewardModelFile.Save(_folder.File("no", "folder", "r.safetensors"), RewardModels.Make(HeadInputKind.Dense)));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Another_model_layer_position_template_or_tokenizer_is_refused_with_both_values()
    {
        var fitted = TestRewards.Metadata().Identity;
        fitted.RequireMatches("r", fitted with { ModelName = "a copy under another name", TemplateName = "model" });
        string Refused(ScoringIdentity current) => Assert.Throws<SparseRMException>(() => fitted.RequireMatches("r.safetensors", current)).Message;
        Assert.Equal("r.safetensors: the reward model was fitted with model miniworld (aa11), but scoring uses model other (ee55); use the same or fit again.",
            Refused(fitted with { ModelName = "other", ModelFingerprint = "ee55" }));
        Assert.Contains("layer 4, but scoring uses layer 3", Refused(fitted with { Layer = 3 }));
        Assert.Contains("position content, but scoring uses position last", Refused(fitted with { Position = ReadOutPosition.Last }));
        Assert.Contains("chat template gemma (bb22), but scoring uses chat template none (00)", Refused(fitted with { TemplateName = "none", TemplateFingerprint = "00" }));
        Assert.Contains("tokenizer cc33, but scoring uses tokenizer 99", Refused(fitted with { TokenizerFingerprint = "99" }));
    }

    private string Refusal(IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        string path = _folder.File("broken.safetensors");
        SafetensorsWriter.Write(path, tensors, metadata);
        var error = Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(path));
        Assert.StartsWith(path + ": ", error.Message);
        return error.Message[path.Length..];
    }

    private (IReadOnlyList<TensorToWrite> Tensors, Dictionary<string, string> Metadata) Parts(HeadInputKind kind)
    {
        string path = _folder.File("whole.safetensors");
        RewardFormat1Writer.Save(path, RewardModels.Make(kind));
        var file = SafetensorsFile.Open(path);
        return ([.. file.Names.Select(file.Take).Select(slice => slice.DType == SparseRM.Tensors.DType.I64
            ? TensorToWrite.Integers(slice.Name, slice.ReadIntegers(), [.. slice.Shape])
            : TensorToWrite.Singles(slice.Name, slice.ReadSingles(), [.. slice.Shape]))], file.Metadata.ToDictionary());
    }
}
