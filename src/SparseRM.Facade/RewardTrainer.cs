using System.Reflection;
using SparseRM.Data;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM;

/// <summary>Fits reward models: states, latents' frequencies, directions, head. Open one, fit as often as you like. Not thread-safe.</summary>
/// <example><code>
/// using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = new BackboneOptions { Model = "google/gemma-2-2b-it" }, Sae = "layer_12/width_16k/average_l0_82" });
/// var states = trainer.ReadStates(PreferenceFile.Read("pairs.jsonl"), withLatents: true);
/// var fitted = trainer.Fit(states, new FitOptions { K = 64 });
/// RewardModelFile.Save("reward.safetensors", fitted.Reward);
/// </code></example>
public sealed class RewardTrainer : IDisposable
{
    private readonly TrainerOptions _options;
    private readonly SparseAutoencoder? _sae;
    private readonly HiddenStateCache? _cache;
    private readonly CachedStates? _cached;
    private readonly StateEncoding _encoding;
    private int _disposed;
    private string? _repeats;

    private RewardTrainer(TrainerOptions options, SparseAutoencoder? sae, Backbone backbone, int layer, HiddenStateCache? cache)
    {
        (_options, _sae, Backbone, Layer, _cache) = (options, sae, backbone, layer, cache);
        _encoding = new StateEncoding(backbone, sae);
        _cached = cache is null ? null : new CachedStates(cache, backbone, layer, options.Position);
    }

    /// <summary>The engine's version, as it is written into reward models.</summary>
    public static string EngineVersion { get; } = typeof(RewardTrainer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Opens model, SAE and cache.</summary>
    /// <exception cref="SparseRMException">One of them is not available, or SAE and model do not belong together (width, layer).</exception>
    public static RewardTrainer Open(TrainerOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        string folder = ModelFolder.Resolve(options.Backbone.Model);
        var config = ArchitectureCatalog.Read(folder);
        var sae = options.Sae is { } path ? SaeFormatCatalog.Open(path, options.LlamaScopeMode) : null;
        int layer = LayerOf(options, sae, config);
        if (sae is not null && !options.SaeOfOtherModel && SaeModelName.Contradiction(sae, config, ModelFolder.Names(options.Backbone.Model, folder)) is { } contradiction)
            throw new SparseRMException(ErrorKind.Mismatch,
                $"{options.Sae}: {contradiction}; use an SAE of this model, or say that it is meant with the option sae of other model");
        var backbone = Backbone.Open(options.Backbone with { Model = folder }, layer, new StageProgress(progress, "loading blocks", layer + 1), cancel);
        try
        {
            return new RewardTrainer(options, sae, backbone, layer, options.CacheFolder is { } cache ? HiddenStateCache.Open(cache) : null);
        }
        catch
        {
            backbone.Dispose();
            throw;
        }
    }

    /// <summary>The model that gives the states.</summary>
    public Backbone Backbone { get; }

    /// <summary>Where states are read.</summary>
    internal ReadOutPosition Position => _options.Position;

    /// <summary>Block after which they are read.</summary>
    public int Layer { get; }

    /// <summary>The SAE, or null.</summary>
    public SparseAutoencoder? Sae => _sae;

    /// <summary>What a user should know of the SAE, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _sae?.Notes ?? [];

    /// <summary>What is not as it should be, one sentence each; none mostly.</summary>
    public IReadOnlyList<string> Warnings => [.. new[] { _cache?.WriteProblem, _repeats }.OfType<string>()];

    /// <summary>The states of a preference set: read at once where they are kept, else at each pass over them.</summary>
    public PreferenceStates ReadStates(PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        ReadStates(data, withLatents: false, progress, cancel);

    /// <summary>The same for callers that need the latents, too: states are encoded while they are still where they were computed.</summary>
    /// <param name="data">The pairs.</param>
    /// <param name="withLatents">Whether the SAE, where there is one, encodes them; a fit that needs latents encodes what is missing, with the same bits.</param>
    /// <param name="progress">Told of the completions done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    /// <exception cref="SparseRMException">A text or a weight cannot be read, or a state is not finite.</exception>
    public PreferenceStates ReadStates(PreferenceSet data, bool withLatents, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        PreferenceStates Read(BlockReader? seen) =>
            PreferenceStates.Open(Backbone, Layer, _options.Position, data, _cached, _options.KeptStateBytes, seen, progress, cancel);
        var states = withLatents ? _encoding.Open(Read) : Read(null);
        if (!states.AreKept && _cache is null)
        {
            _repeats = $"the hidden states of {states.Count} answers take more than the {_options.KeptStateBytes >> 20} MiB that are kept in memory, "
                + "and there is no cache of them, so every pass computes them again; allow a cache to have them computed once";
        }
        return states;
    }

    /// <summary>The active latents of every completion whose state is in memory, by row, and their activations.</summary>
    internal (int[] Ids, float[] Values)[] Latents(PreferenceStates states, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        return _encoding.Latents(states, progress, cancel);
    }

    /// <summary>Fits on all pairs of the states (or the first <see cref="FitOptions.Pairs"/>).</summary>
    /// <param name="states">From <c>ReadStates</c>.</param>
    /// <param name="options">Input, K, loss and training.</param>
    /// <param name="items">The items to fit on, or null for all.</param>
    /// <param name="progress">Told of encoding and of epochs.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There is nothing to learn from, K is too large, or the input needs an SAE.</exception>
    public FitResult Fit(
        PreferenceStates states, FitOptions options, IReadOnlySet<int>? items = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var (fit, rows) = FitWithoutProbe(states, options, items, progress, cancel);
        var model = fit.Reward;
        using var scorer = Backbone.Attach(model, _sae);
        var probe = RewardProbe.Of(Backbone.Arithmetic, RewardProbe.Choose(rows.Select(states.SequenceOf)), sequences => scorer.HeadScores(sequences, cancel));
        return fit with { Reward = new RewardModel([model.Components[0].With(probe)], model.Aggregate) };
    }

    /// <summary>As <see cref="Fit"/>, for a model that is not kept; also gives the completions that it was fitted on.</summary>
    internal (FitResult Fit, IReadOnlyList<int> Rows) FitWithoutProbe(
        PreferenceStates states, FitOptions options, IReadOnlySet<int>? items, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (options.Heads < 1) throw new SparseRMException(ErrorKind.Usage, $"option heads is {options.Heads}; it must be at least 1.");
        if (options.Aggregate.NeedsSeveralHeads && options.Heads == 1)
            throw new SparseRMException(ErrorKind.Usage, $"option aggregate is {options.Aggregate}, which needs several heads; set option heads to at least 2, or aggregate by mean.");
        var pairs = states.Pairs().Where(pair => items is null || items.Contains(pair.Item)).Take(options.Pairs ?? int.MaxValue).ToArray();
        var places = new PairPlaces(pairs, states.Count);
        var (input, warnings) = MakeInput(states, places, options, progress, cancel);
        if ((long)pairs.Length * input.Count > Array.MaxLength)
            throw new SparseRMException($"{pairs.Length} pairs with {input.Count} inputs each do not fit into memory at once; use at most {Array.MaxLength / input.Count} of them");
        float[] chosen = new float[pairs.Length * input.Count], rejected = new float[pairs.Length * input.Count];
        _encoding.ReadInputs(states, places.Rows, input, options.Training.Threads, (row, v) =>
        {
            foreach (var (pair, isChosen) in places[row]) v.CopyTo((isChosen ? chosen : rejected).AsSpan(pair * input.Count));
        }, progress, cancel);
        var trained = HeadTrainer.TrainEnsemble(
            new PairInputs(chosen, rejected, input.Count), options.Training, options.Heads, options.Bootstrap,
            [.. pairs.Select(pair => states.PromptOf(pair.Item))], new Progress(progress, options.Training), cancel);
        var component = new RewardComponent(
            RewardComponent.DefaultName, 1, input, [.. trained.Heads.Select(head => head.Head)], trained.Heads[0].MeanInput,
            Metadata(states, pairs.Length, options, trained), trained.Novelty);
        return (new FitResult(new RewardModel([component], options.Aggregate), trained.Heads, warnings), places.Rows);
    }

    /// <summary>The scores that a fitted reward model gives to completions, by row; NaN for those that are not asked for.</summary>
    /// <param name="reward">From <see cref="Fit"/>.</param>
    /// <param name="states">From <c>ReadStates</c>.</param>
    /// <param name="rows">The rows to score, or null for all.</param>
    /// <param name="cancel">Checked between blocks.</param>
    public float[] Scores(RewardModel reward, PreferenceStates states, IReadOnlyList<int>? rows = null, CancellationToken cancel = default)
    {
        var scores = new float[states.Count];
        Array.Fill(scores, float.NaN);
        rows ??= [.. Enumerable.Range(0, states.Count)];
        int count = reward.HeadCount, at = 0;
        var heads = new float[checked(states.Count * count)];
        foreach (var component in reward.Components)
        {
            _encoding.ReadInputs(states, rows, component.Input, _options.Backbone.Threads, (row, v) => component.HeadScores(v, heads.AsSpan((row * count) + at)), null, cancel);
            at += component.Heads.Count;
        }
        foreach (int row in rows) scores[row] = reward.Total(heads.AsSpan(row * count, count));
        return scores;
    }

    /// <summary>Frees model, encoder and cache.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _encoding.Dispose();
        Backbone.Dispose();
        _cache?.Dispose();
    }

    private static int LayerOf(TrainerOptions options, SparseAutoencoder? sae, ModelConfig config)
    {
        if (sae is not null && sae.DIn != config.DModel)
            throw new ModelFormatException(options.Sae!, $"the SAE's d_in is {sae.DIn}, the model's residual stream is {config.DModel} wide; use an SAE of this model");
        if (options.Layer is { } asked)
        {
            if (sae?.Layer is { } own && own != asked)
                throw new ModelFormatException(options.Sae!, $"the SAE is of layer {own}, but layer {asked} was asked for; leave the layer to the SAE, or use an SAE of that layer");
            return asked;
        }
        return sae?.Layer ?? throw new SparseRMException(sae is null
            ? "no layer was given, and without an SAE nothing else tells it; give one"
            : $"{options.Sae}: the SAE does not say its layer; give one");
    }

    private (HeadInput Input, IReadOnlyList<string> Warnings) MakeInput(
        PreferenceStates states, PairPlaces places, FitOptions options, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (options.Input == HeadInputKind.Dense) return (HeadInputs.Dense(states.DModel), []);
        if (options.Input == HeadInputKind.Random) return (HeadInputs.Random(options.K, states.DModel, options.Training.Seed), []);
        if (_sae is null) throw new SparseRMException($"input {HeadInput.Name(options.Input)} needs an SAE; give one, or use input dense or random");
        var selection = DirectionSelector.Select(_encoding.Frequency(states, places, progress, cancel), options.K);
        int[] latents = [.. selection.All.Select(latent => latent.Latent)];
        var input = options.Input == HeadInputKind.Projection
            ? HeadInputs.Projection(selection, states.DModel, _sae.ReadDirections(latents))
            : HeadInputs.Activations(selection, states.DModel, SaeLatentGates.Extract(_sae, latents));
        return (input, selection.Warnings);
    }

    private RewardModelMetadata Metadata(PreferenceStates states, int pairs, FitOptions options, TrainedEnsemble trained)
    {
        return new RewardModelMetadata
        {
            Identity = Backbone.Identity(Layer, _options.Position), TemplateSource = Backbone.Template?.Source ?? "", DType = Backbone.Compute.ComputeName(),
            SaeId = options.UsesSae ? _sae?.Id : null, GatingMode = options.UsesSae ? _sae?.GatingMode : null, Loss = PreferenceLoss.Name(options.Training.Loss),
            Margin = options.Training.Margin, K = options.Input == HeadInputKind.Dense ? null : options.K, Seed = options.Training.Seed,
            DataHash = states.Data.DataHash, Pairs = pairs, HeldOutPairs = trained.Heads[0].HeldOutPairs, HeldOutAccuracy = trained.HeldOutAccuracy,
            Bootstrap = options.Bootstrap && options.Heads > 1,
            EngineVersion = EngineVersion,
        };
    }

    private sealed class Progress(IProgress<WorkProgress>? target, HeadTrainingOptions training) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => target?.Report(new WorkProgress(
            "training the head", (value.Run - 1) * training.MaxEpochs + value.Epoch.Number, (long)value.Runs * training.MaxEpochs));
    }
}
