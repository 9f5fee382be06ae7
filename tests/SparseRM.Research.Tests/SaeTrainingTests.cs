using SparseRM.Research.SaeTraining;
using SparseRM.Sae;

namespace SparseRM.Research.Tests;

/// <summary>SAEs trained on a few hundred of MiniWorld's texts: what is saved, read, resumed and refused.</summary>
public sealed class SaeTrainingTests : IDisposable
{
    private const int Texts = 240;
    private static readonly string s_pairs = SharedData.MiniWorld("pairs", "truthfulness.train.jsonl");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<SaeArchitecture, SaeFileFormat> Kinds => new()
    {
        { SaeArchitecture.TopK, SaeFileFormat.SaeLens }, { SaeArchitecture.JumpRelu, SaeFileFormat.GemmaScope }, { SaeArchitecture.BatchTopK, SaeFileFormat.SaeLens },
        { SaeArchitecture.Matryoshka, SaeFileFormat.GemmaScope },
    };

    /// <summary>
    /// The bytes of the file are the same on one thread and on two, and those of a training that was stopped, with a buffer that holds all texts or a few.
    /// </summary>
    [Theory, MemberData(nameof(Kinds))]
    public void A_training_has_the_same_bytes_on_any_number_of_threads_and_when_it_is_resumed(SaeArchitecture architecture, SaeFileFormat format)
    {
        int? buffer = architecture is SaeArchitecture.TopK or SaeArchitecture.JumpRelu ? null : 1500;
        var options = Options(architecture) with { BufferTokens = buffer };
        var whole = Run(format, options with { Threads = 1 }, "whole");
        using var cancel = new CancellationTokenSource();
        var stop = new StopAt(cancel, options.Tokens / 2);
        Assert.ThrowsAny<OperationCanceledException>(() => Run(format, options, "stopped", stop, cancel.Token));
        Assert.Equal([SaeCheckpoint.FileName], Directory.GetFiles(_folder.File("stopped")).Select(Path.GetFileName));
        World.Refuses(() => Run(format, options with { Seed = 2 }, "stopped"), SaeCheckpoint.FileName, "another training", "name another output");
        var resumed = Run(format, options, "stopped");
        Assert.InRange(resumed.ResumedAt, options.Tokens / 2, options.Tokens - 1);
        Assert.Equal(0, whole.ResumedAt);
        Assert.Equal(whole.Measure, resumed.Measure);
        string[] files = [.. Directory.GetFiles(_folder.File("whole")).Select(path => Path.GetFileName(path)!).Order()];
        Assert.Equal(format == SaeFileFormat.SaeLens ? ["cfg.json", "sae_weights.safetensors"] : ["config.json", "params.npz"], files);
        foreach (string file in files) Assert.Equal(File.ReadAllBytes(_folder.File("whole", file)), File.ReadAllBytes(_folder.File("stopped", file)));
        World.Refuses(() => Run(format, options, "stopped"), "stopped", "holds an SAE already");
    }

    [Fact]
    public void A_training_that_is_stopped_while_it_is_measured_is_measured_when_it_is_resumed()
    {
        var options = Options(SaeArchitecture.BatchTopK);
        var whole = Run(SaeFileFormat.SaeLens, options, "whole");
        using var cancel = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Run(SaeFileFormat.SaeLens, options, "stopped", new StopAt(cancel, options.Tokens), cancel.Token));
        Assert.True(File.Exists(_folder.File("stopped", SaeCheckpoint.FileName)));
        byte[] saved = File.ReadAllBytes(_folder.File("stopped", "sae_weights.safetensors"));
        var resumed = Run(SaeFileFormat.SaeLens, options, "stopped");
        Assert.Equal((options.Tokens, whole.Measure), (resumed.ResumedAt, resumed.Measure));
        Assert.Equal(saved, File.ReadAllBytes(_folder.File("stopped", "sae_weights.safetensors")));
        Assert.False(File.Exists(_folder.File("stopped", SaeCheckpoint.FileName)));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void What_is_read_back_computes_what_was_trained(SaeArchitecture architecture, SaeFileFormat format)
    {
        const int dIn = 24, width = 96;
        var options = Options(architecture) with { Width = width, BatchTokens = 64, Tokens = 64 * 60 };
        var parameters = new SaeParameters(width, dIn);
        parameters.Initialize(1);
        var trainer = new SaeTrainer(options, parameters);
        var random = new Fitting.SeededRandom(4);
        for (int step = 0; step < 60; step++)
        {
            for (int i = 0; i < trainer.Batch.Length; i++) trainer.Batch[i] = i % parameters.Depth < dIn ? (float)random.NextGaussian() : 0;
            trainer.Step(64, step / 60.0);
        }
        var norm = new StateNorm([.. Enumerable.Range(0, dIn).Select(_ => 3 * (float)random.NextGaussian())], 0.37f);
        var trained = new TrainedSae(parameters, options, norm, trainer.BatchThreshold);
        string folder = Directory.CreateDirectory(_folder.File("layer_7")).FullName;
        trained.Save(folder, format, "some-model", 7);
        var sae = SaeFormatCatalog.Open(folder);
        Assert.Equal((7, dIn, width), (sae.Layer, sae.DIn, sae.DSae));
        Assert.Equal(architecture == SaeArchitecture.TopK ? "topk" : "jumprelu", sae.Activation.Name);
        using var backend = BackendCatalog.Open("reference");
        using var encoder = new SaeEncoder(backend, sae);
        // States of which the normed ones are known: what training computed of these is scaled by the norm alone.
        const int rows = 16;
        var states = new float[rows * dIn];
        var expected = new List<Dictionary<int, double>>();
        for (int row = 0; row < rows; row++)
        {
            var x = new float[parameters.Depth];
            for (int i = 0; i < dIn; i++)
            {
                states[(row * dIn) + i] = norm.Mean[i] + (float)(random.NextGaussian() / norm.Scale);
                x[i] = (states[(row * dIn) + i] - norm.Mean[i]) * norm.Scale;
            }
            double[] p = [.. Enumerable.Range(0, width).Select(j => parameters.BEnc.Values[j] + x.Select((value, i) => (double)value * parameters.WEnc.Values[(j * parameters.Depth) + i]).Sum())];
            double[] cut = architecture switch
            {
                SaeArchitecture.TopK => [.. Enumerable.Repeat(p.OrderDescending().ElementAt((int)options.Active), width)],
                SaeArchitecture.JumpRelu => [.. parameters.Threshold.Values.Select(value => (double)value)],
                _ => [.. Enumerable.Repeat(trainer.BatchThreshold, width)],
            };
            // Those at their very threshold may fall to either side of it, by rounding.
            Assert.All(Enumerable.Range(0, width), j => Assert.True(architecture == SaeArchitecture.TopK || Math.Abs(p[j] - cut[j]) > 1e-5));
            expected.Add(Enumerable.Range(0, width).Where(j => p[j] > 0 && p[j] > cut[j]).ToDictionary(j => j, j => p[j] / norm.Scale));
        }
        var found = new List<Dictionary<int, double>>();
        encoder.Encode(states, (_, latents, values) => found.Add(latents.ToArray().Zip(values.ToArray()).ToDictionary(pair => pair.First, pair => (double)pair.Second)));
        Assert.NotEqual(0, expected.Sum(row => row.Count));
        for (int row = 0; row < rows; row++)
        {
            Assert.Equal(expected[row].Keys.Order(), found[row].Keys.Order());
            foreach (var (latent, value) in expected[row]) Assert.Equal(value, found[row][latent], 4);
        }
        float[] directions = sae.ReadDirections([.. Enumerable.Range(0, width)]);
        for (int j = 0; j < width; j++) Assert.Equal(1, directions.AsSpan(j * dIn, dIn).ToArray().Sum(value => (double)value * value), 5);
    }

    [Fact]
    public void An_SAE_learns_and_a_fit_takes_it()
    {
        var options = Options(SaeArchitecture.BatchTopK) with { Tokens = 60_000, Active = 16, Threads = 2 };
        var result = Run(SaeFileFormat.SaeLens, options, "sae");
        Assert.Equal(options.Tokens, result.Tokens);
        Assert.InRange(result.Measure.L0, 12, 20);
        // Of the mean alone it would be 1, of the first steps about 0.5.
        Assert.InRange(result.Measure.Fvu, 0.01, 0.2);
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = World.Backbone, Sae = _folder.File("sae") });
        Assert.Equal(4, trainer.Layer);
        var fit = trainer.Fit(trainer.ReadStates(World.Pairs("train", 100)), new FitOptions { K = 8, Training = World.Training });
        Assert.NotEmpty(fit.Reward.Input.Latents);
    }

    /// <summary>Thresholds keep up with an encoder that changes in some hundred steps; with the step of the weights L0 would end a fifth below the target.</summary>
    [Fact]
    public void JumpReLU_ends_at_its_target_for_L0()
    {
        var options = Options(SaeArchitecture.JumpRelu) with { Width = 512, Active = 12, Tokens = 30_000 };
        var result = SaeTrainingRun.Run(Job("sae", SaeFileFormat.GemmaScope) with { Test = Some() }, options);
        Assert.InRange(result.Measure.L0, 11.4, 12.6);
    }

    [Fact]
    public void Special_tokens_are_left_out_and_every_twentieth_text_is_held_out()
    {
        using var backbone = Backbone.Open(World.Backbone, 4);
        var texts = new TrainingTexts([Some()], backbone, 512);
        var (all, training, heldOut) = (texts.Pieces(TextPart.All).ToArray(), texts.Pieces(TextPart.Training).ToArray(), texts.Pieces(TextPart.HeldOut).ToArray());
        Assert.Equal((Texts, Texts / 20), (all.Length, heldOut.Length));
        Assert.Equal(all.Length, training.Length + heldOut.Length);
        Assert.Equal(all[19].Ids, heldOut[0].Ids);
        var buffer = new StateBuffer(backbone.DModel);
        using var pieces = texts.Pieces(TextPart.HeldOut).GetEnumerator();
        Assert.Equal((Texts / 20, true), buffer.Fill(pieces, false, 10_000, texts, backbone, 4, null, default));
        int row = 0;
        foreach (var piece in heldOut)
        {
            float[] states = backbone.ReadLayers(piece with { ReadOut = Models.ReadOut.Each(0, piece.Ids.Length) }, [4])[4];
            for (int i = 0; i < piece.Ids.Length; i++)
            {
                bool isMark = backbone.Tokenizer!.TokenText(piece.Ids.Span[i]) is "<bos>" or "<eos>" or "<start_of_turn>" or "<end_of_turn>";
                Assert.Equal(!isMark, texts.Counts(piece.Ids.Span[i]));
                if (!isMark) Assert.Equal(states[(i * backbone.DModel)..((i + 1) * backbone.DModel)], buffer[row++]);
            }
        }
        Assert.Equal(row, buffer.Rows);
    }

    [Fact]
    public void Long_texts_are_cut_and_texts_of_any_container_are_read()
    {
        using var backbone = Backbone.Open(World.Backbone, 0);
        string text = "The capital of Peru is Lima. The opposite of late is early.";
        string[] forms =
        [
            Written("a.txt", $"{text}\n\n   \n{text}\r\n"), Written("a.jsonl", $"{{\"text\": \"{text}\"}}\n{{\"text\": \"\"}}\n{{\"text\": \"{text}\"}}\n"),
            Written("a.csv", $"text,n\n\"{text}\",1\n\"{text}\",2\n"), Written("a.json", $"[{{\"text\": \"{text}\"}}, {{\"text\": \"{text}\"}}]"),
        ];
        int[] ids = backbone.Tokenizer!.Encode(text);
        foreach (string form in forms)
        {
            var whole = new TrainingTexts([form], backbone, 512).Pieces(TextPart.All).ToArray();
            Assert.Equal(2, whole.Length);
            Assert.All(whole, piece => Assert.Equal(ids, piece.Ids.ToArray()));
        }
        var cut = new TrainingTexts([forms[0], forms[1]], backbone, 6).Pieces(TextPart.All).ToArray();
        Assert.All(cut, piece => Assert.Equal(ids[0], piece.Ids.Span[0]));
        Assert.Equal([.. ids[1..], .. ids[1..], .. ids[1..], .. ids[1..]], cut.SelectMany(piece => piece.Ids.ToArray()[1..]));
        Assert.All(cut, piece => Assert.InRange(piece.Ids.Length, 2, 6));
        string dialogue = Written("b.jsonl", "{\"prompt\": \"Capital of Peru?\", \"responses\": [\"Lima.\", \"Quito.\"]}\n{\"prompt\": \"Capital of Peru?\", \"chosen\": \"Lima.\", \"rejected\": \"Quito.\"}\n");
        var answers = new TrainingTexts([dialogue], backbone, 512).Pieces(TextPart.All).Select(piece => piece.Ids.ToArray()).ToArray();
        Assert.Equal(4, answers.Length);
        Assert.Equal(answers[..2], answers[2..]);
    }

    [Fact]
    public void What_cannot_be_trained_is_refused_and_nothing_is_left()
    {
        var good = Options(SaeArchitecture.TopK);
        void Refused(SaeTrainingOptions options, params ReadOnlySpan<string> parts) => World.Refuses(() => Run(SaeFileFormat.SaeLens, options, "bad"), parts);
        Refused(good with { Active = 64 }, "k is 64", "below the width, 64");
        Refused(good with { Active = 0 }, "k is 0");
        Refused(good with { Active = 2.5 }, "k is 2.5", "whole number");
        Refused(good with { Architecture = SaeArchitecture.JumpRelu, Active = 64 }, "l0 is 64");
        Refused(good with { Width = 1 }, "width is 1");
        Refused(good with { Width = int.MaxValue }, "width is 2147483647");
        Refused(good with { Tokens = 0 }, "tokens is 0");
        Refused(good with { BufferTokens = 10 }, "buffer tokens is 10");
        Refused(good with { LearningRate = 1e9 }, "learning rate");
        World.Refuses(() => Run(SaeFileFormat.GemmaScope, good, "bad"), "topk", "saelens");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Layer = 6 }, good), "layer 6 is out of range", "0 to 5");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Data = [Written("empty.jsonl", "")] }, good), "empty.jsonl", "is empty");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Data = [Written("few.txt", "One.\n")] }, good), "few.txt", "fewer than 20 texts");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Data = [Written("same.jsonl", "{\"ids\": [2, 300]}\n")], Test = Some() }, good), "all equal");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Data = [Written("none.jsonl", "{\"text\": \"A.\"}\n{\"question\": 3}\n")], Test = Some() }, good), "none.jsonl, line 2", "question");
        World.Refuses(() => SaeTrainingRun.Run(Job("none/bad", SaeFileFormat.SaeLens), good), "its folder does not exist");
        World.Refuses(() => SaeTrainingRun.Run(Job("bad", SaeFileFormat.SaeLens) with { Compare = World.Sae, Layer = 3 }, good), "of layer 4, not of layer 3");
        Assert.False(Directory.Exists(_folder.File("bad")));
    }

    private static SaeTrainingOptions Options(SaeArchitecture architecture) =>
        new() { Architecture = architecture, Width = 64, Active = 8, Tokens = 6000, BatchTokens = 256, Threads = 2 };

    private SaeTrainingJob Job(string output, SaeFileFormat format) => new() { Model = World.Backbone, Layer = 4, Data = [Some()], Output = _folder.File(output), Format = format };

    private SaeTrainingResult Run(SaeFileFormat format, SaeTrainingOptions options, string output, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        SaeTrainingRun.Run(Job(output, format), options, progress, cancel);

    private string Some() => Written("texts.jsonl", string.Join('\n', File.ReadLines(s_pairs).Take(Texts / 2)));

    private string Written(string name, string content)
    {
        string path = _folder.File(name);
        File.WriteAllText(path, content);
        return path;
    }

    private sealed class StopAt(CancellationTokenSource cancel, long tokens) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Stage == "training" && value.Done >= tokens) cancel.Cancel();
        }
    }
}
