using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;

namespace SparseRM.Research.SaeTraining;

/// <summary>What is trained, on what, and where it goes.</summary>
public sealed record SaeTrainingJob
{
    /// <summary>The file in <see cref="Output"/> from which the same job goes on; there only where it was stopped after training had begun.</summary>
    public string Checkpoint => Path.Combine(Output, SaeCheckpoint.FileName);

    /// <summary>The model and how it runs.</summary>
    public required BackboneOptions Model { get; init; }

    /// <summary>Block after which states are read, 0-based.</summary>
    public required int Layer { get; init; }

    /// <summary>Files of texts.</summary>
    public required IReadOnlyList<string> Data { get; init; }

    /// <summary>Texts to measure on, or null: every twentieth text of the data, which is then not trained on.</summary>
    public string? Test { get; init; }

    /// <summary>Another SAE to measure on the same tokens, or null.</summary>
    public string? Compare { get; init; }

    /// <summary>The folder of the SAE and its checkpoint; made where it is missing.</summary>
    public required string Output { get; init; }

    /// <summary>The files' format.</summary>
    public SaeFileFormat Format { get; init; }

    /// <summary>Seconds between checkpoints.</summary>
    public double CheckpointSeconds { get; init; } = 300;
}

/// <summary>What came of a training.</summary>
/// <param name="Measure">Of the saved SAE.</param>
/// <param name="Compared">Of the other SAE; null where none was given.</param>
/// <param name="Tokens">Tokens that were trained on.</param>
/// <param name="ResumedAt">Tokens that were known from a checkpoint.</param>
/// <param name="Seconds">Of everything but loading the model and measuring the loss.</param>
/// <param name="ModelSeconds">Of the model's passes, without those for the held-out tokens.</param>
/// <param name="StepSeconds">Of the steps.</param>
/// <param name="Share">How fast the steps are, as a share of the encoder's product alone: arithmetic operations of both a second; null where no step was done.</param>
/// <param name="ProductGflops">Thousand million operations a second of that product, alone.</param>
public sealed record SaeTrainingResult(
    SaeMeasure Measure, SaeMeasure? Compared, long Tokens, long ResumedAt, double Seconds, double ModelSeconds, double StepSeconds, double? Share, double ProductGflops);

/// <summary>Trains an SAE on a model's residual stream: states stream through a shuffle buffer, checkpoints let it go on with the same bits, the result is measured as saved.</summary>
public static class SaeTrainingRun
{
    private const int HeldOutTokens = 1 << 15;
    private const int ProductsTimed = 32;

    /// <summary>Trains, saves and measures.</summary>
    /// <param name="job">What, on what, and where it goes; the same job goes on from a checkpoint that it left.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told of the tokens done.</param>
    /// <param name="cancel">Heard between steps, and while the SAE is measured; a checkpoint is left then, from the first step on. Where the loss is being measured, the result lacks that.</param>
    /// <exception cref="SparseRMException">An option is out of range, the data or the model cannot be read, a file cannot be written, training diverges.</exception>
    public static SaeTrainingResult Run(SaeTrainingJob job, SaeTrainingOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        TrainedSae.Check(options.Architecture, job.Format);
        var config = Models.Architectures.ArchitectureCatalog.Read(ModelFolder.Resolve(job.Model.Model));
        options.Check(config.DModel);
        using var folder = new OutputFolder(job.Output);
        using var backbone = Backbone.Open(job.Model, job.Layer, null, cancel);
        var clock = Stopwatch.StartNew();
        var texts = new TrainingTexts(job.Data, backbone, options.ContextTokens);
        var compared = job.Compare is { } path ? OpenOther(path, backbone, job.Layer) : null;
        var heldOut = ReadHeldOut(job, options, texts, backbone, progress, cancel);
        var parameters = new SaeParameters(options.Width, backbone.DModel);
        var trainer = new SaeTrainer(options, parameters);
        var checkpoint = new SaeCheckpoint(job.Checkpoint, StudyOf(job, options, texts, backbone));
        using var stream = new StateStream(texts, job.Test is null ? TextPart.Training : TextPart.All, backbone, job.Layer, options);
        var products = new List<double>();
        var (norm, resumedAt, stepSeconds) = Train(job, options, parameters, trainer, checkpoint, stream, folder, products, progress, cancel);
        new TrainedSae(parameters, options, norm, trainer.BatchThreshold).Save(job.Output, job.Format, NameOf(backbone), job.Layer);
        folder.Keep();
        var trained = SaeFormatCatalog.Open(job.Output);
        SaeMeasure measure;
        SaeMeasure? other;
        try
        {
            measure = SaeMeasure.Of(trained, heldOut, backbone, cancel);
            other = compared is null ? null : SaeMeasure.Of(compared, heldOut, backbone, cancel);
        }
        catch (OperationCanceledException)
        {
            // The SAE is there, and nothing else would measure it later: the same job does, with no step to do.
            checkpoint.Write(trainer, parameters, norm, stream.Position, options.Tokens);
            throw;
        }
        checkpoint.Delete();
        double seconds = clock.Elapsed.TotalSeconds;
        double flops = 2.0 * trainer.BatchRows * parameters.Depth * parameters.Width;
        double product = products.Count > 0 ? products.Order().ElementAt(products.Count / 2) : Enumerable.Range(0, 8).Min(_ => trainer.MeasureProduct());
        long done = options.Tokens - resumedAt;
        // A step's operations: the product, and for each active latent four sums over d_in, of its row and of its gradients.
        double stepFlops = done * 2.0 * parameters.Depth * (parameters.Width + (4 * measure.L0));
        double? share = done > 0 ? stepFlops / stepSeconds / (flops / product) : null;
        // What an SAE keeps of the loss is worth less than the SAE: what fails here is told beside what is known.
        try
        {
            var (from, part) = HeldOut(job, options, texts, backbone);
            using var meter = new SplicedLossMeter(backbone, from, from.Pieces(part), job.Layer, cancel);
            measure = WithLoss(measure, () => meter.Measure(trained, progress, cancel));
            if (other is not null) other = WithLoss(other, () => meter.Measure(compared!, progress, cancel));
        }
        catch (Exception error) when (error is SparseRMException or OperationCanceledException)
        {
            (measure, other) = (WithLoss(measure, () => throw error), other is null ? null : WithLoss(other, () => throw error));
        }
        return new SaeTrainingResult(measure, other, options.Tokens, resumedAt, seconds, stream.ModelSeconds, stepSeconds, share, flops / product / 1e9);
    }

    private static SaeMeasure WithLoss(SaeMeasure measure, Func<SplicedLoss> loss)
    {
        try
        {
            return measure with { Loss = loss() };
        }
        catch (Exception error) when (error is SparseRMException or OperationCanceledException)
        {
            return measure with { NoLoss = error is OperationCanceledException ? "it was interrupted" : error.Message };
        }
    }

    private static (StateNorm Norm, long ResumedAt, double StepSeconds) Train(
        SaeTrainingJob job, SaeTrainingOptions options, SaeParameters parameters, SaeTrainer trainer, SaeCheckpoint checkpoint, StateStream stream, OutputFolder folder,
        List<double> products, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var known = checkpoint.Read(trainer, parameters);
        if (known is null) parameters.Initialize(options.Seed);
        if (known is null) trainer.PackAll();
        long tokens = known?.Tokens ?? 0, resumedAt = tokens;
        stream.Begin(known?.Position ?? default, new StageProgress(progress, "reading states", options.BufferTokensFor(parameters.DIn)), cancel);
        var norm = known?.Norm ?? StateNorm.Of(stream.Buffer, parameters.DIn);
        var (saved, steps) = (Stopwatch.StartNew(), new Stopwatch());
        long timed = Math.Max(1, options.Tokens / ProductsTimed);
        try
        {
            while (tokens < options.Tokens)
            {
                if (saved.Elapsed.TotalSeconds > job.CheckpointSeconds) Save();
                cancel.ThrowIfCancellationRequested();
                var rows = stream.Next(cancel);
                rows = rows[..(int)Math.Min(rows.Length, options.Tokens - tokens)];
                steps.Start();
                trainer.Fill(rows, stream.Buffer, norm);
                trainer.Step(rows.Length, tokens / (double)options.Tokens);
                steps.Stop();
                long before = tokens;
                tokens += rows.Length;
                // Between steps, so that both meet the same machine.
                if (before / timed < tokens / timed) products.Add(trainer.MeasureProduct());
                progress?.Report(new WorkProgress("training", tokens, options.Tokens));
            }
        }
        catch (OperationCanceledException)
        {
            Save();
            throw;
        }
        return (norm, resumedAt, steps.Elapsed.TotalSeconds);

        void Save()
        {
            checkpoint.Write(trainer, parameters, norm, stream.Position, tokens);
            folder.Keep();
            saved.Restart();
        }
    }

    private static (TrainingTexts Texts, TextPart Part) HeldOut(SaeTrainingJob job, SaeTrainingOptions options, TrainingTexts texts, Backbone backbone) =>
        job.Test is { } test ? (new TrainingTexts([test], backbone, options.ContextTokens), TextPart.All) : (texts, TextPart.HeldOut);

    private static StateBuffer ReadHeldOut(
        SaeTrainingJob job, SaeTrainingOptions options, TrainingTexts texts, Backbone backbone, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var (from, part) = HeldOut(job, options, texts, backbone);
        using var pieces = from.Pieces(part).GetEnumerator();
        var states = new StateBuffer(backbone.DModel);
        states.Fill(pieces, false, HeldOutTokens, from, backbone, job.Layer, new StageProgress(progress, "reading held-out states", HeldOutTokens), cancel);
        if (states.Rows > 1) return states;
        throw new DataFormatException(job.Test ?? job.Data[0], 0, job.Test is null
            ? $"has fewer than {TrainingTexts.HeldOutEvery} texts, of which every {TrainingTexts.HeldOutEvery}th is held out to measure on; give more, or texts to measure on as the test file"
            : "has no token to measure on");
    }

    private static SparseAutoencoder OpenOther(string path, Backbone backbone, int layer)
    {
        var sae = SaeFormatCatalog.Open(path);
        if (sae.DIn != backbone.DModel) throw new SparseRMException(ErrorKind.Mismatch, $"{path}: the SAE takes states of width {sae.DIn}, the model has {backbone.DModel}; give an SAE of this model");
        if (sae.Layer is { } own && own != layer) throw new SparseRMException(ErrorKind.Mismatch, $"{path}: the SAE is of layer {own}, not of layer {layer}; give one of the same layer");
        return sae;
    }

    private static string NameOf(Backbone backbone) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(backbone.Model.Folder)));

    /// <summary>Names everything that decides a bit of the training.</summary>
    private static string StudyOf(SaeTrainingJob job, SaeTrainingOptions options, TrainingTexts texts, Backbone backbone) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\u001f', [
            RewardTrainer.EngineVersion, backbone.Model.FingerprintOf(job.Layer), backbone.Template?.Fingerprint ?? "", backbone.Tokenizer?.Fingerprint ?? "", backbone.Arithmetic,
            $"{job.Layer} {job.Test is null}", options.Identity(backbone.DModel), .. texts.Hashes(),
        ]))))[..16];
}
