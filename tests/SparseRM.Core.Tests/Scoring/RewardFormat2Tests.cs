using System.Buffers.Binary;
using SparseRM.Core.Tests.Weights;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Core.Tests.Scoring;

public sealed class RewardFormat2Tests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Keeps_heads_components_statistics_and_probe()
    {
        var model = RewardModels.Ensemble();
        string path = _folder.File("r"), again = _folder.File("again");
        RewardModelFile.Save(path, model);
        var loaded = RewardModelFile.Load(path);
        Assert.Empty(loaded.Warnings);
        Assert.Equal(model.Aggregate, loaded.Aggregate);
        Assert.Equal(model.Components.Select(c => (c.Name, c.Weight, c.Heads.Count, c.Metadata)), loaded.Components.Select(c => (c.Name, c.Weight, c.Heads.Count, c.Metadata)));
        float[] z = [1, -2, 3, 0.5f, 0, 7];
        TensorAssert.SameBits(model.HeadScores(z), loaded.HeadScores(z));
        Assert.Equal(model.Novelty(z), loaded.Novelty(z));
        for (int i = 0; i < model.Components.Count; i++)
        {
            var (probe, found) = (model.Components[i].Probe!, loaded.Components[i].Probe!);
            Assert.Equal(probe.Arithmetic, found.Arithmetic);
            Assert.Equal(probe.Items.Select(Told), found.Items.Select(Told));
        }
        RewardModelFile.Save(again, loaded);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));

        static string Told(ProbeItem item) =>
            $"{string.Join(' ', item.Sequence.Ids.ToArray())} {item.Sequence.ReadOut} {string.Join(' ', item.Scores)}";
    }

    [Fact]
    public void Keeps_a_calibration_and_how_settings_were_chosen_and_without_them_has_no_field_of_theirs()
    {
        var model = RewardModels.Make(HeadInputKind.Projection);
        string plain = _folder.File("plain"), path = _folder.File("r"), again = _folder.File("again");
        RewardModelFile.Save(plain, model);
        Assert.DoesNotContain(SafetensorsFile.Open(plain).Metadata.Keys, key => key.Contains("calibration") || key.Contains("choice"));
        var calibration = new ScoreCalibration(0.1 + 0.2, -1.5e-7, 800, 0.25, 0.0625);
        var choice = new SettingChoice([8, 32], [2, 4], [ReadOutPosition.Last, ReadOutPosition.Mean], 5, 3, 771, 800);
        RewardModelFile.Save(path, model.With(calibration).With(choice));
        var loaded = RewardModelFile.Load(path);
        Assert.Equal(calibration, loaded.Calibration);
        var found = loaded.Metadata.Choice!;
        Assert.Equal("8,32 2,4 Last,Mean", $"{string.Join(',', found.Ks)} {string.Join(',', found.Layers)} {string.Join(',', found.Positions)}");
        Assert.Equal((5, 3, 771, 800), (found.OuterFolds, found.InnerFolds, found.Correct, found.Total));
        RewardModelFile.Save(again, loaded);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(again));
        // A sum of scores has no calibration of one of them.
        Assert.Null(RewardModel.Combine([new RewardPart("a", loaded), new RewardPart("b", model)]).Calibration);
    }

    [Fact]
    public void One_flipped_bit_in_any_byte_is_refused()
    {
        string path = _folder.File("r.safetensors");
        RewardModelFile.Save(path, RewardModels.Ensemble());
        byte[] whole = File.ReadAllBytes(path);
        int header = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(whole);
        for (int at = 0; at < whole.Length; at++)
        {
            // Every bit of the length and of one byte in eight, and one bit of each other byte.
            int first = at < 8 || at % 8 == 0 ? 0 : at % 7, last = at < 8 || at % 8 == 0 ? 7 : first;
            for (int bit = first; bit <= last; bit++)
            {
                byte[] broken = [.. whole];
                broken[at] ^= (byte)(1 << bit);
                File.WriteAllBytes(path, broken);
                var error = Record.Exception(() => RewardModelFile.Load(path));
                Assert.True(error is ModelFormatException, $"byte {at} (header {header}), bit {bit}: {error?.Message ?? "opened"}");
                if (at >= header) Assert.Contains("checksum differs", error!.Message);
            }
        }
    }

    [Fact]
    public void Refuses_every_missing_and_every_unknown_field()
    {
        var (tensors, metadata) = Parts();
        foreach (string key in metadata.Keys)
        {
            string message = Refusal(tensors, metadata.Where(field => field.Key != key).ToDictionary());
            Assert.True(message.Contains($"\"{key}\"") || (key == "format" && message.Contains("not a reward model")), $"{key}: {message}");
        }
        metadata["component.0.note"] = "";
        Assert.Contains("\"component.0.note\", which this engine does not know", Refusal(tensors, metadata));
    }

    [Fact]
    public void Refuses_every_missing_and_every_unknown_tensor()
    {
        var (tensors, metadata) = Parts();
        foreach (var tensor in tensors) Assert.Contains($"\"{tensor.Name}\"", Refusal([.. tensors.Where(other => other != tensor)], metadata));
        Assert.Contains("does not know: extra", Refusal([.. tensors, TensorToWrite.Singles("extra", new float[1], 1)], metadata));
    }

    [Theory]
    [InlineData("aggregate", "median", "there is no aggregate \"median\"")]
    [InlineData("aggregate", "mean-minus:-1", "lambda")]
    [InlineData("components", "0", "at least 1")]
    [InlineData("component.0.name", "", "some text")]
    [InlineData("component.0.name", "a b", "cannot name a component")]
    [InlineData("component.0.name", "safe", "two components")]
    [InlineData("component.0.weight", "0", "weight of component \"helpful\" is 0")]
    [InlineData("component.0.weight", "NaN", "a number")]
    [InlineData("component.0.bootstrap", "maybe", "yes or no")]
    [InlineData("component.0.novelty", "guessed", "heldout, crossfitted")]
    [InlineData("component.0.novelty_samples", "1", "3 of 1 distances")]
    [InlineData("component.0.loss", "hinge", "margin, bradley-terry or bce")]
    public void Refuses_a_malformed_field(string key, string value, string expected)
    {
        var (tensors, metadata) = Parts();
        metadata[key] = value;
        Assert.Contains(expected, Refusal(tensors, metadata));
    }

    [Fact]
    public void Refuses_statistics_and_probes_that_cannot_be()
    {
        var (tensors, metadata) = Parts();
        string Replace(TensorToWrite tensor) => Refusal([.. tensors.Where(other => other.Name != tensor.Name), tensor], metadata);
        Assert.Contains("distance 1", Replace(TensorToWrite.Singles("component.0.novelty.distances", new float[] { 2, 1, 3 }, 3)));
        Assert.Contains("tail probability 2", Replace(TensorToWrite.Singles("component.0.novelty.tails", new float[] { 2, 1, 0.5f }, 3)));
        Assert.Contains("scale of 0", Replace(TensorToWrite.Singles("component.0.novelty.scale", new float[1], 1)));
        Assert.Contains("shape [2]", Replace(TensorToWrite.Singles("component.0.novelty.whitening", new float[2], 2)));
        Assert.Contains("add up to 5 tokens", Replace(TensorToWrite.Integers("component.0.probe.lengths", new long[] { 3, 3 }, 2)));
        Assert.Contains("read from 3 to 3", Replace(TensorToWrite.Integers("component.0.probe.read_starts", new long[] { 3, 1 }, 2)));
        Assert.Contains("read from 2 to 4", Replace(TensorToWrite.Integers("component.0.probe.read_ends", new long[] { 4, 2 }, 2)));
        Assert.Contains("has -1 at element 0", Replace(TensorToWrite.Integers("component.0.probe.ids", new long[] { -1, 2, 3, 4, 5 }, 5)));
    }

    [Fact]
    public void A_file_of_format_1_opens_with_a_warning_and_is_saved_as_format_2()
    {
        var model = RewardModels.Make(HeadInputKind.Projection);
        string old = _folder.File("old.safetensors"), saved = _folder.File("new.safetensors");
        RewardFormat1Writer.Save(old, model);
        var loaded = RewardModelFile.Load(old);
        Assert.Contains("no checksum", Assert.Single(loaded.Warnings));
        Assert.StartsWith(old, loaded.Warnings[0]);
        RewardModelFile.Save(saved, loaded);
        var again = RewardModelFile.Load(saved);
        Assert.Empty(again.Warnings);
        float[] z = [1, -2, 3, 0.5f, 0, 7];
        TensorAssert.SameBits([model.Score(z)], [again.Score(z)]);
        Assert.Equal(model.Metadata, again.Metadata);
        Assert.Null(again.Components[0].Novelty);
        Assert.Contains("no statistics", Assert.Throws<SparseRMException>(() => again.Novelty(z)).Message);
    }

    [Fact]
    public void A_file_is_recognised_by_its_content_and_not_by_its_name()
    {
        string reward = _folder.File("reward.bin");
        RewardModelFile.Save(reward, RewardModels.Make(HeadInputKind.Dense));
        Assert.True(RewardModelFile.Recognises(reward));
        Assert.NotNull(RewardModelFile.Load(reward));
        Assert.False(RewardModelFile.Recognises(_folder.Write("text.safetensors", [1, 2, 3])));
        Assert.False(RewardModelFile.Recognises(_folder.Path));
        Assert.False(RewardModelFile.Recognises(_folder.File("none")));
    }

    [Fact]
    public void What_could_not_be_opened_is_not_saved()
    {
        string path = _folder.File("r.safetensors");
        var model = RewardModels.Make(HeadInputKind.Dense);
        RewardModel With(RewardModelMetadata metadata) => new(model.Input, model.Head, model.MeanInput.ToArray(), metadata);
        var identity = model.Metadata.Identity;
        foreach (var metadata in new[]
        {
            model.Metadata with { DataHash = "" }, model.Metadata with { Loss = "none" }, model.Metadata with { DType = "f16" }, model.Metadata with { K = 0 },
            model.Metadata with { Margin = double.NaN }, model.Metadata with { HeldOutAccuracy = 2 }, model.Metadata with { Identity = identity with { ModelName = "" } },
        })
        {
            Assert.Throws<ArgumentException>(() => RewardModelFile.Save(path, With(metadata)));
        }
        var diverged = new RewardHead(1, 1, [float.PositiveInfinity], [0], [1], 0);
        Assert.Contains("smaller learning rate", Assert.Throws<SparseRMException>(
            () => RewardModelFile.Save(path, new RewardModel(new HeadInput(HeadInputKind.Dense, 1, null, [], null), diverged, [0], model.Metadata))).Message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
        // A model without a tokenizer has neither template nor fingerprints of them.
        RewardModelFile.Save(path, With(model.Metadata with { Identity = identity with { TemplateName = "", TemplateFingerprint = "", TokenizerFingerprint = "" } }));
        Assert.Equal("", RewardModelFile.Load(path).Metadata.Identity.TemplateName);
    }

    [Fact]
    public void A_template_that_never_ends_does_not_keep_a_file_from_opening()
    {
        var model = RewardModelFile.Load(SharedData.Shared("field", "hostile", "files", "reward-hang.safetensors"));
        Assert.Contains("set l=[l,l]", model.Metadata.TemplateSource);
        Assert.Contains("no checksum", Assert.Single(model.Warnings));
    }

    private string Refusal(IReadOnlyList<TensorToWrite> tensors, Dictionary<string, string> metadata)
    {
        string path = _folder.File("broken.safetensors");
        bool sealedAgain = metadata.Remove("checksum");
        if (sealedAgain) RewardChecksum.Write(path, tensors, metadata);
        else SafetensorsWriter.Write(path, tensors, metadata);
        if (sealedAgain) metadata["checksum"] = "";
        var error = Assert.Throws<ModelFormatException>(() => RewardModelFile.Load(path));
        Assert.StartsWith(path + ": ", error.Message);
        return error.Message[path.Length..];
    }

    private (IReadOnlyList<TensorToWrite> Tensors, Dictionary<string, string> Metadata) Parts()
    {
        string path = _folder.File("whole.safetensors");
        RewardModelFile.Save(path, RewardModels.Ensemble());
        var file = SafetensorsFile.Open(path);
        return ([.. file.Names.Select(file.Take).Select(slice => slice.DType == DType.I64
            ? TensorToWrite.Integers(slice.Name, slice.ReadIntegers(), [.. slice.Shape])
            : TensorToWrite.Singles(slice.Name, slice.ReadSingles(), [.. slice.Shape]))], file.Metadata.ToDictionary());
    }
}
