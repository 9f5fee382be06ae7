using System.Reflection;
using System.Runtime.CompilerServices;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Models.Architectures;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM;

/// <summary>Fits reward models: states, latents' frequencies, directions, head. Open one, fit as often as you like. Not thread-safe.</summary>
public sealed class RewardTrainer : IDisposable
{
    private readonly FitOptions _options;
    private readonly SparseAutoencoder? _sae;
    private readonly HiddenStateCache? _cache;
    // Kept here and not in the states: another trainer's SAE has other latents.
    private readonly ConditionalWeakTable<PreferenceStates, (int[] Ids, float[] Values)[]> _latents = [];
    private SaeEncoder? _encoder;

    private RewardTrainer(FitOptions options, SparseAutoencoder? sae, ResidualReader reader, HiddenStateCache? cache) =>
        (_options, _sae, Reader, _cache) = (options, sae, reader, cache);

    /// <summary>The engine's version, as it is written into reward models.</summary>
    public static string EngineVersion { get; } = typeof(RewardTrainer).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Opens model, SAE and cache.</summary>
    /// <exception cref="SparseRMException">One of them cannot be had, or SAE and model do not belong together (width, layer).</exception>
    public static RewardTrainer Open(FitOptions options, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        string folder = ModelFolder.Resolve(options.Reader.Model);
        var config = ArchitectureCatalog.Read(folder);
        var sae = options.Sae is { } path ? SaeFormatCatalog.Open(path, options.LlamaScopeMode) : null;
        int layer = LayerOf(options, sae, config);
        var reader = ResidualReader.Open(options.Reader with { Model = folder, Layer = layer }, new StageProgress(progress, "loading blocks", layer + 1), cancel);
        try
        {
            return new RewardTrainer(options, sae, reader, options.CacheFolder is { } cache ? HiddenStateCache.Open(cache) : null);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    /// <summary>The model that gives the states.</summary>
    public ResidualReader Reader { get; }

    /// <summary>The SAE, or null.</summary>
    public SparseAutoencoder? Sae => _sae;

    /// <summary>What a user should know of the SAE, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _sae?.Notes ?? [];

    /// <summary>What is not as it should be, one sentence each; none mostly.</summary>
    public IReadOnlyList<string> Warnings => _cache?.WriteProblem is { } problem ? [problem] : [];

    /// <summary>The states of a preference set.</summary>
    public PreferenceStates ReadStates(PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        PreferenceStates.Read(Reader, data, _cache, progress, cancel);

    /// <summary>Fits on all pairs of the states (or the first <see cref="FitOptions.Pairs"/>).</summary>
    /// <param name="states">From <see cref="ReadStates"/>.</param>
    /// <param name="options">Input, K, loss and training; its model, SAE and cache are those of <see cref="Open"/>. Null for the options of <see cref="Open"/>.</param>
    /// <param name="items">The items to fit on, or null for all.</param>
    /// <param name="progress">Told of encoding and of epochs.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There is nothing to learn from, K is too large, or the input needs an SAE.</exception>
    public FitResult Fit(
        PreferenceStates states, FitOptions? options = null, IReadOnlySet<int>? items = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        options ??= _options;
        var pairs = states.Pairs().Where(pair => items is null || items.Contains(pair.Item)).Take(options.Pairs ?? int.MaxValue).ToArray();
        var (input, warnings) = MakeInput(states, pairs, options, progress, cancel);
        if ((long)pairs.Length * input.Count > Array.MaxLength)
            throw new SparseRMException($"{pairs.Length} pairs with {input.Count} inputs each do not fit into memory at once; use at most {Array.MaxLength / input.Count} with --pairs");
        float[] chosen = new float[pairs.Length * input.Count], rejected = new float[pairs.Length * input.Count];
        var rows = InputRows(states, input, options.Training.Threads).Span;
        for (int i = 0; i < pairs.Length; i++)
        {
            rows.Slice(pairs[i].Chosen * input.Count, input.Count).CopyTo(chosen.AsSpan(i * input.Count));
            rows.Slice(pairs[i].Rejected * input.Count, input.Count).CopyTo(rejected.AsSpan(i * input.Count));
        }
        var training = options.Training;
        var epochs = new Progress(progress, training);
        var head = HeadTrainer.Train(
            new PairInputs(chosen, rejected, input.Count), training, [.. pairs.Select(pair => states.PromptOf(pair.Item))], epochs, cancel);
        return new FitResult(new RewardModel(input, head.Head, head.MeanInput, Metadata(states, pairs.Length, options, head)), head, warnings);
    }

    /// <summary>The score that a fitted reward model gives to a row of states.</summary>
    public float Score(RewardModel reward, PreferenceStates states, int row)
    {
        var v = new float[reward.Input.Count];
        InputOf(states, row, reward.Input, v);
        return (float)reward.Head.Score(v);
    }

    /// <summary>Frees model, encoder and cache.</summary>
    public void Dispose()
    {
        Reader.Dispose(_encoder);
        _cache?.Dispose();
    }

    private static int LayerOf(FitOptions options, SparseAutoencoder? sae, ModelConfig config)
    {
        if (sae is not null && sae.DIn != config.DModel)
            throw new ModelFormatException(options.Sae!, $"the SAE's d_in is {sae.DIn}, the model's residual stream is {config.DModel} wide; use an SAE of this model");
        if (options.Reader.Layer is { } asked)
        {
            if (sae?.Layer is { } own && own != asked)
                throw new ModelFormatException(options.Sae!, $"the SAE is of layer {own}, but layer {asked} was asked for; leave --layer out or use an SAE of that layer");
            return asked;
        }
        return sae?.Layer ?? throw new SparseRMException(sae is null
            ? "no layer was given; say --layer L (without an SAE nothing else tells it)"
            : $"{options.Sae}: the SAE does not say its layer; say it with --layer");
    }

    private (HeadInput Input, IReadOnlyList<string> Warnings) MakeInput(
        PreferenceStates states, (int Chosen, int Rejected, int Item)[] pairs, FitOptions options, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (options.Input == HeadInputKind.Dense) return (HeadInputs.Dense(states.DModel), []);
        if (options.Input == HeadInputKind.Random) return (HeadInputs.Random(options.K, states.DModel, options.Training.Seed), []);
        if (_sae is null) throw new SparseRMException($"input {HeadInput.Name(options.Input)} needs an SAE; give one with --sae, or use input dense or random");
        var active = Latents(states, progress, cancel);
        var frequency = new LatentFrequency(_sae.DSae);
        foreach (var (chosen, rejected, _) in pairs)
        {
            frequency.Add(chosen: true, active[chosen].Ids);
            frequency.Add(chosen: false, active[rejected].Ids);
        }
        var selection = DirectionSelector.Select(frequency, options.K);
        int[] latents = [.. selection.All.Select(latent => latent.Latent)];
        var input = options.Input == HeadInputKind.Projection
            ? HeadInputs.Projection(selection, states.DModel, _sae.ReadDirections(latents))
            : HeadInputs.Activations(selection, states.DModel, SaeLatentGates.Extract(_sae, latents));
        return (input, selection.Warnings);
    }

    private (int[] Ids, float[] Values)[] Latents(PreferenceStates states, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (_latents.TryGetValue(states, out var known)) return known;
        var stage = new StageProgress(progress, "encoding states", states.Count);
        var latents = new (int[], float[])[states.Count];
        Reader.UseBackend(() =>
        {
            _encoder ??= new SaeEncoder(Reader.Backend, _sae!);
            _encoder.Encode(states.States.Span, (row, ids, values) =>
            {
                if (row % 256 == 0) cancel.ThrowIfCancellationRequested();
                latents[row] = (ids.ToArray(), values.ToArray());
                stage.Report(row + 1);
            });
        });
        _latents.Add(states, latents);
        return latents;
    }

    /// <summary>The head's input of every completion, [completions, inputs].</summary>
    private ReadOnlyMemory<float> InputRows(PreferenceStates states, HeadInput input, int threads)
    {
        if (input.Kind == HeadInputKind.Dense) return states.States;
        if (!input.NeedsSae) return input.ComputeRows(states.States, threads);
        var rows = new float[checked(states.Count * input.Count)];
        for (int row = 0; row < states.Count; row++) InputOf(states, row, input, rows.AsSpan(row * input.Count, input.Count));
        return rows;
    }

    private void InputOf(PreferenceStates states, int row, HeadInput input, Span<float> v)
    {
        if (!input.NeedsSae)
        {
            input.Compute(states.State(row), v);
            return;
        }
        var (ids, values) = Latents(states, null, default)[row];
        input.Gather(ids, values, v);
    }

    private RewardModelMetadata Metadata(PreferenceStates states, int pairs, FitOptions options, TrainedHead head)
    {
        bool usesSae = options.Input is HeadInputKind.Projection or HeadInputKind.Activations;
        return new RewardModelMetadata
        {
            Identity = Reader.Identity, TemplateSource = Reader.Template?.Source ?? "", DType = Reader.Model.Compute.Name().ToLowerInvariant(),
            SaeId = usesSae ? _sae?.Id : null, GatingMode = usesSae ? _sae?.GatingMode : null, Loss = PreferenceLoss.Name(options.Training.Loss),
            Margin = options.Training.Margin, K = options.Input == HeadInputKind.Dense ? null : options.K, Seed = options.Training.Seed,
            DataHash = states.Data.DataHash, Pairs = pairs, HeldOutPairs = head.HeldOutPairs, HeldOutAccuracy = head.HeldOutAccuracy,
            EngineVersion = EngineVersion,
        };
    }

    private sealed class Progress(IProgress<WorkProgress>? target, HeadTrainingOptions training) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => target?.Report(new WorkProgress(
            "training the head", (value.Run - 1) * training.MaxEpochs + value.Epoch.Number, (long)value.Runs * training.MaxEpochs));
    }
}
