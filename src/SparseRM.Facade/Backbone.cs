using SparseRM.Backends;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;
using SparseRM.Weights;

namespace SparseRM;

/// <summary>A model up to a layer, with its tokenizer and chat template, on a backend: what reward models, fits and sessions stand on. Thread-safe.</summary>
/// <remarks>
/// <para>A backbone is a counted reference: the model is freed when the last backbone, scorer, trainer and session on it is disposed. Opened twice in one
/// process, on the same backend with as many threads, the same dtype and variants, it is in memory once.</para>
/// <para>All calls go through one bounded queue before the backend. What waits at the same time is packed into batches, whoever asked for it; a score has the
/// bits that it has alone. Backbones whose options for batches, caches and queue differ, too, have queues and caches of their own, and take turns.</para>
/// </remarks>
/// <example><code>
/// using var backbone = Backbone.Open(new BackboneOptions { Model = "google/gemma-2-2b-it" });
/// using var helpful = backbone.Attach("helpful.safetensors");
/// using var safe = backbone.Attach("safe.safetensors");
/// float score = await helpful.ScoreAsync("Name a prime.", "7");
/// </code></example>
public sealed class Backbone : IDisposable
{
    private readonly EnginePool.Entry _entry;
    private int _disposed;

    private Backbone(BackboneOptions options, EnginePool.Entry entry, ModelTokenizer? tokenizer, ChatTemplate? template)
    {
        (Options, _entry, Tokenizer, Template) = (options, entry, tokenizer, template);
        Encoder = new InputEncoder(tokenizer, template, options.Truncation, Config.NCtx, Config.DVocab, Config.Ropes.Any(rope => rope.Scaling.Kind == "dynamic"));
        Arithmetic = ArithmeticOf(Backend, Model.Compute);
    }

    /// <summary>Opens a model, or joins one that is open with equal options.</summary>
    /// <param name="options">Which model, and how it runs.</param>
    /// <param name="layer">Blocks 0..layer are loaded; what attaches deeper loads more.</param>
    /// <param name="progress">Told the number of blocks loaded.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="SparseRMException">The model, its tokenizer, the template or the backend is not available; one sentence says what to do.</exception>
    public static Backbone Open(BackboneOptions options, int layer = 0, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        OptionChecks.Require(options, layer);
        if (options is { ChatTemplate: not null, Template: not null })
            throw new SparseRMException(ErrorKind.Usage, "a chat template is given both by name and by source; give one of them");
        string folder = ModelFolder.Resolve(options.Model);
        var tokenizer = !options.IdsOnly && ModelTokenizer.ExistsIn(folder) ? ModelTokenizer.Load(folder) : null;
        var template = TemplateOf(options, folder, tokenizer);
        return Made(options, EnginePool.Take(options, folder, layer, progress, cancel), tokenizer, template);
    }

    /// <summary>As <see cref="Open(BackboneOptions, int, IProgress{int}?, CancellationToken)"/>, for ids alone, with a model that lies in no folder.</summary>
    internal static Backbone Open(
        BackboneOptions options, ModelConfig config, IWeightSource weights, int layer, IProgress<int>? progress, CancellationToken cancel) =>
        Made(options, EnginePool.Own(options, config, weights, layer, progress, cancel), null, null);

    private static Backbone Made(BackboneOptions options, EnginePool.Entry entry, ModelTokenizer? tokenizer, ChatTemplate? template)
    {
        try
        {
            if (tokenizer is not null) RequireFits(tokenizer, entry.Engine.Model);
            return new Backbone(options, entry, tokenizer, template);
        }
        catch
        {
            EnginePool.Release(entry);
            throw;
        }
    }

    /// <summary>What was asked for.</summary>
    public BackboneOptions Options { get; }

    /// <summary>The model's tokenizer, or null where its folder has none.</summary>
    public ModelTokenizer? Tokenizer { get; }

    /// <summary>The chat template in use, or null.</summary>
    public ChatTemplate? Template { get; }

    /// <summary>Makes token ids of dialogues and texts.</summary>
    public InputEncoder Encoder { get; }

    /// <summary>The model's behaviour.</summary>
    public ModelConfig Config => Model.Config;

    /// <summary>Width of a state.</summary>
    public int DModel => Config.DModel;

    /// <summary>Type of the products.</summary>
    public DType Compute => Model.Compute;

    /// <summary>Last block that is loaded.</summary>
    public int LastLayer => Model.LastLayer;

    /// <summary>Name of the backend, such as <c>cpu</c>.</summary>
    public string BackendName => Backend.Name;

    /// <summary>One line for people: device, threads, instruction sets.</summary>
    public string Description => Backend.Description;

    /// <summary>What went through and what waits.</summary>
    public EngineCounts Counts => Engine.Counts;

    internal ForwardEngine Engine => _entry.Engine;

    internal Backend Backend => Engine.Backend;

    internal TransformerModel Model => Engine.Model;

    /// <summary>All that decides bits beside the model: another kernel or another version of the engine may round otherwise.</summary>
    internal string Arithmetic { get; }

    /// <summary>The variant that computes each op.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants =>
        Enum.GetValues<OpKind>().ToDictionary(op => op, op => Backend.Variants(op).FirstOrDefault(variant => variant.Selected).Name);

    /// <summary>What the states at a layer and position depend on: reward models keep it and refuse another.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The layer is not loaded.</exception>
    public ScoringIdentity Identity(int layer, ReadOutPosition position) => new()
    {
        ModelFingerprint = Model.FingerprintOf(layer), ModelName = Path.GetFileName(Path.TrimEndingDirectorySeparator(Model.Folder)),
        Layer = layer, Position = position,
        TemplateName = Template?.Name ?? "", TemplateFingerprint = Template?.Fingerprint ?? "", TokenizerFingerprint = Tokenizer?.Fingerprint ?? "",
    };

    /// <summary>Attaches a reward model: it shares every forward pass, and may be disposed while others run.</summary>
    /// <param name="rewardPath">A file of <see cref="RewardModelFile"/>.</param>
    /// <param name="sae">The SAE that it was fitted with: only for activations of a top-k SAE.</param>
    /// <param name="progress">Told of the blocks that it reads deeper than what is loaded.</param>
    /// <param name="cancel">Checked between blocks, and before its known answer is scored.</param>
    /// <exception cref="SparseRMException">The file cannot be read, or model, tokenizer or template are not those of the fit (both are named).</exception>
    public RewardScorer Attach(string rewardPath, SparseAutoencoder? sae = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        RewardScorer.Attach(RequireOpen(), rewardPath, RewardModelFile.Load(rewardPath), sae, progress, cancel);

    /// <summary>As <see cref="Attach(string, SparseAutoencoder?, IProgress{WorkProgress}?, CancellationToken)"/>, with a reward model in memory.</summary>
    public RewardScorer Attach(RewardModel reward, SparseAutoencoder? sae = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        RewardScorer.Attach(RequireOpen(), "the reward model", reward, sae, progress, cancel);

    /// <summary>Scores inputs with several attached reward models: those at one layer share every pass, and those at other layers one up to the deepest.</summary>
    /// <param name="scorers">Attached to this backbone.</param>
    /// <param name="inputs">From <see cref="Encoder"/>.</param>
    /// <param name="options">What is wanted of each; null for scores alone.</param>
    /// <param name="cancel">Heard while the call waits and between batches.</param>
    /// <returns>For each scorer, a result for each input.</returns>
    /// <exception cref="ArgumentException">A scorer is attached to another backbone.</exception>
    /// <exception cref="SparseRMException">What is asked for is not known: doubt of one head, novelty without statistics.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<ScoreResult>>> ScoreAllAsync(
        IReadOnlyList<RewardScorer> scorers, IReadOnlyList<EncodedInput> inputs, ScoreOptions? options = null, CancellationToken cancel = default)
    {
        RequireOpen();
        if (scorers.Any(scorer => scorer.Backbone.Engine != Engine)) throw new ArgumentException("a reward model is attached to another backbone", nameof(scorers));
        if (scorers.Count == 0 || inputs.Count == 0) return [.. scorers.Select(_ => (IReadOnlyList<ScoreResult>)[])];
        var calls = scorers.Select(scorer => new ScoreCall(inputs, options ?? new ScoreOptions(), scorer.Reward, scorer.Position, Tokenizer)).ToArray();
        ForwardRequest[] requests = [.. calls.Select((call, i) => call.Request(scorers[i].Attached))];
        await Engine.RunAsync(options?.Deadline, options?.HereIfAlone ?? false, cancel, requests).ConfigureAwait(false);
        return [.. calls.Select((call, i) => call.Results((ScoreRequest)requests[i]))];
    }

    /// <summary>Loads blocks up to a layer, where they are not loaded yet.</summary>
    /// <exception cref="SparseRMException">The model has no such layer.</exception>
    public void Load(int layer, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        RequireOpen();
        EnginePool.Load(_entry.Host.Host!, layer, progress, cancel);
    }

    /// <summary>One state a sequence, [n, d_model], in the order of the sequences.</summary>
    /// <param name="sequences">Each reads one state (<see cref="EncodedInput.ReadAt"/>).</param>
    /// <param name="layer">Block after which it is read.</param>
    /// <param name="progress">Told of the sequences done.</param>
    /// <param name="cancel">Heard while it waits and between batches.</param>
    /// <exception cref="SparseRMException">A state is not finite, or there are more states than one array holds.</exception>
    public float[] ReadStates(
        IReadOnlyList<TokenSequence> sequences, int layer, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default) =>
        StateReading.All(RequireOpen(), sequences, layer, null, null, progress, cancel);

    /// <summary>The states of every position that the sequence reads after some blocks, [positions, d_model] each, from one pass.</summary>
    /// <param name="sequence">What to run.</param>
    /// <param name="layers">Blocks.</param>
    /// <param name="cancel">Heard while it waits.</param>
    /// <returns>States by block.</returns>
    /// <exception cref="SparseRMException">A state is not finite, or the model has no such layer.</exception>
    public IReadOnlyDictionary<int, float[]> ReadLayers(TokenSequence sequence, IReadOnlyCollection<int> layers, CancellationToken cancel = default)
    {
        int[] rising = [.. layers.Distinct().Order()];
        Load(rising[^1], null, cancel);
        var request = new LayersRequest(sequence, rising, Backend, DModel);
        Engine.Run(request, null, cancel);
        return request.States;
    }

    /// <summary>One more reference to the same model.</summary>
    internal Backbone Share() => new(Options, EnginePool.Share(RequireOpen()._entry), Tokenizer, Template);

    /// <summary>Gives up this reference; the last one answers what waits with <see cref="ObjectDisposedException"/> and frees the model.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0) EnginePool.Release(_entry);
    }

    /// <summary>This, where it is not disposed: the model may be freed then, or be others' alone.</summary>
    private Backbone RequireOpen()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        return this;
    }

    private static string ArithmeticOf(Backend backend, DType compute) => string.Join(' ',
        Enum.GetValues<OpKind>().Where(op => op is not (OpKind.SaeEncode or OpKind.CountActive or OpKind.Score)).Select(op => backend.Variants(op).FirstOrDefault(variant => variant.Selected).Name)
            .Prepend(backend.Name).Prepend(compute.Name()).Prepend(Interop.KernelSources.Hash).Prepend(RewardTrainer.EngineVersion));

    /// <summary>Refuses a tokenizer with ids beyond the embedding (often padded to a round number of rows): it belongs to another model.</summary>
    private static void RequireFits(ModelTokenizer tokenizer, TransformerModel model)
    {
        // Gemma-3's text models share the tokenizer of the multimodal ones, whose image mark has no row in their embedding.
        for (int id = model.Config.DVocab; id < tokenizer.VocabularySize; id++)
        {
            if (tokenizer.TokenText(id) == "<image_soft_token>") continue;
            throw new ModelFormatException(model.Folder,
                $"the tokenizer has ids up to {tokenizer.VocabularySize - 1}, the embedding has {model.Config.DVocab} rows; tokenizer and weights are of different models");
        }
    }

    private static ChatTemplate? TemplateOf(BackboneOptions options, string folder, ModelTokenizer? tokenizer)
    {
        if (tokenizer is null)
        {
            if (options.ChatTemplate is null || options.IdsOnly) return null;
            throw new ModelFormatException(folder, $"has no tokenizer, so the chat template {options.ChatTemplate} cannot be used; add tokenizer.json or tokenizer.model");
        }
        if (options.Template is { } source) return ChatTemplate.Parse(source.Name, source.Source, tokenizer.SpecialTokens);
        return options.ChatTemplate is { } named ? ChatTemplate.Named(named, tokenizer.SpecialTokens) : ChatTemplate.FromFolder(folder, tokenizer.SpecialTokens);
    }
}
