using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;
using SparseRM.Weights;

namespace SparseRM;

/// <summary>Texts in, residual states out: backend, model, tokenizer and chat template of one layer. Thread-safe; runs one call at a time.</summary>
public sealed class ResidualReader : IDisposable
{
    private const string Stage = "reading states";
    private const int CachedRows = 256;
    private readonly Lock _gate = new();
    private readonly ResidualRunner _runner;
    private float[] _block = [];
    private bool _disposed;

    private ResidualReader(ReaderOptions options, Backend backend, TransformerModel model, ModelTokenizer? tokenizer, ChatTemplate? template)
    {
        (Options, Backend, Model, Tokenizer, Template) = (options, backend, model, tokenizer, template);
        Encoder = new InputEncoder(tokenizer, template, options.Position, options.Truncation, model.Config.NCtx, model.Config.DVocab);
        _runner = new ResidualRunner(model, options.MaxBatchTokens);
        Arithmetic = ArithmeticOf(backend, model.Compute);
    }

    /// <summary>Opens everything; blocks after the layer are not loaded.</summary>
    /// <exception cref="SparseRMException">The model, its tokenizer, the template or the backend cannot be had; one sentence says what to do.</exception>
    public static ResidualReader Open(ReaderOptions options, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        string folder = ModelFolder.Resolve(options.Model);
        var tokenizer = !options.IdsOnly && ModelTokenizer.ExistsIn(folder) ? ModelTokenizer.Load(folder) : null;
        return Open(options, tokenizer, TemplateOf(options, folder, tokenizer),
            (backend, layer) => TransformerModel.Open(backend, folder, layer, options.Compute, progress, cancel));
    }

    /// <summary>As <see cref="Open(ReaderOptions, IProgress{int}?, CancellationToken)"/>, for ids alone, with a model that lies in no folder.</summary>
    internal static ResidualReader Open(
        ReaderOptions options, ModelConfig config, IWeightSource weights, IProgress<int>? progress, CancellationToken cancel) =>
        Open(options, null, null, (backend, layer) => TransformerModel.Open(backend, config, weights, layer, options.Compute, progress, cancel));

    private static ResidualReader Open(
        ReaderOptions options, ModelTokenizer? tokenizer, ChatTemplate? template, Func<Backend, int, TransformerModel> openModel)
    {
        int layer = options.Layer ?? throw new ArgumentException("the layer is not set", nameof(options));
        var backend = BackendCatalog.Open(options.Backend, options.Threads, options.Variants);
        TransformerModel? model = null;
        try
        {
            model = openModel(backend, layer);
            if (tokenizer is not null) RequireFits(tokenizer, model);
            return new ResidualReader(options, backend, model, tokenizer, template);
        }
        catch
        {
            model?.Dispose();
            backend.Dispose();
            throw;
        }
    }

    /// <summary>What was asked for.</summary>
    public ReaderOptions Options { get; }

    /// <summary>Where the model runs.</summary>
    public Backend Backend { get; }

    /// <summary>Blocks 0..Layer.</summary>
    public TransformerModel Model { get; }

    /// <summary>The model's tokenizer, or null where its folder has none.</summary>
    public ModelTokenizer? Tokenizer { get; }

    /// <summary>The chat template in use, or null.</summary>
    public ChatTemplate? Template { get; }

    /// <summary>Makes sequences of dialogues, texts and ids.</summary>
    public InputEncoder Encoder { get; }

    /// <summary>Block after which the residual stream is read.</summary>
    public int Layer => Options.Layer!.Value;

    /// <summary>What the states depend on: reward models keep it and refuse another.</summary>
    public ScoringIdentity Identity => new()
    {
        ModelFingerprint = Model.Fingerprint, ModelName = Path.GetFileName(Path.TrimEndingDirectorySeparator(Model.Folder)),
        Layer = Layer, Position = Options.Position,
        TemplateName = Template?.Name ?? "", TemplateFingerprint = Template?.Fingerprint ?? "", TokenizerFingerprint = Tokenizer?.Fingerprint ?? "",
    };

    /// <summary>All that decides bits beside model and input: version, dtype, backend, variant of each op.</summary>
    internal string Arithmetic { get; }

    /// <summary>Width of a state.</summary>
    public int DModel => Model.Config.DModel;

    /// <summary>Receives states [n, d_model] of the sequences whose numbers are given, in that order; valid during the call.</summary>
    public delegate void BlockReader(ReadOnlyMemory<int> sequences, ReadOnlyMemory<float> states);

    /// <summary>One state a sequence, [n, d_model], in the order of the sequences.</summary>
    /// <param name="sequences">From <see cref="Encoder"/>.</param>
    /// <param name="cache">Where states are looked up, and kept as they are computed; null for none.</param>
    /// <param name="progress">Told of the sequences done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    /// <exception cref="SparseRMException">A state is not finite, or there are more states than one array holds.</exception>
    public float[] Read(
        IReadOnlyList<TokenSequence> sequences, HiddenStateCache? cache = null, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if ((long)sequences.Count * DModel > Array.MaxLength)
            throw new SparseRMException($"{sequences.Count} states of width {DModel} do not fit into memory at once; give at most {Array.MaxLength / DModel} texts at a time");
        var states = new float[sequences.Count * DModel];
        ReadBlocks(sequences, cache, (numbers, block) =>
        {
            for (int i = 0; i < numbers.Length; i++) block.Span.Slice(i * DModel, DModel).CopyTo(states.AsSpan(numbers.Span[i] * DModel));
        }, progress, cancel);
        return states;
    }

    /// <summary>Hands over the states of one block after the other, cached ones first, so that memory does not grow with their number.</summary>
    internal void ReadBlocks(
        IReadOnlyList<TokenSequence> sequences, HiddenStateCache? cache, BlockReader read, IProgress<WorkProgress>? progress,
        CancellationToken cancel)
    {
        if (cache is null)
        {
            Read(sequences, read, new StageProgress(progress, Stage, sequences.Count), cancel);
            return;
        }
        int[] missing = ReadCached(sequences, cache, read, cancel);
        Read([.. missing.Select(i => sequences[i])], (numbers, block) =>
        {
            var found = new int[numbers.Length];
            for (int i = 0; i < numbers.Length; i++)
            {
                found[i] = missing[numbers.Span[i]];
                cache.Add(KeyOf(sequences[found[i]]), block.Span.Slice(i * DModel, DModel));
            }
            read(found, block);
        }, new StageProgress(progress, Stage, sequences.Count, sequences.Count - missing.Length), cancel);
        cache.Flush();
    }

    /// <summary>Hands over the states of one micro-batch after the other; the block is used again for the next.</summary>
    internal void Read(IReadOnlyList<TokenSequence> sequences, BlockReader read, IProgress<int> progress, CancellationToken cancel) =>
        Run(sequences, (batch, numbers) =>
        {
            int length = batch.Rows * DModel;
            if (_block.Length < length) _block = new float[length];
            ResidualRunner.DownloadFinite(Backend, batch, _block, Layer);
            read(numbers, _block.AsMemory(0, length));
        }, progress, cancel);

    /// <summary>Hands over the states of one micro-batch after the other where they are, on the backend, while no other call uses it.</summary>
    internal void Run(IReadOnlyList<TokenSequence> sequences, ResidualRunner.StatesReader read, IProgress<int> progress, CancellationToken cancel)
    {
        progress.Report(0);
        UseBackend(() => _runner.Run(sequences, Layer, read, progress, cancel));
    }

    /// <summary>The residual stream of every token of one sequence after some blocks, [n_tokens, d_model] each.</summary>
    /// <param name="sequence">From <see cref="Encoder"/>.</param>
    /// <param name="layers">Blocks, at most <see cref="Layer"/>.</param>
    /// <param name="read">Told block and states, in rising order of blocks.</param>
    /// <exception cref="SparseRMException">A state is not finite.</exception>
    public void ReadAllTokens(TokenSequence sequence, IReadOnlyCollection<int> layers, Action<int, float[]> read)
    {
        var hooks = layers.ToDictionary(layer => $"blocks.{layer}.hook_resid_post");
        UseBackend(() => _runner.RunAllTokens(sequence.Ids, Layer, (name, tensor) =>
        {
            if (!hooks.TryGetValue(name, out int layer)) return;
            var states = new float[tensor.Rows * tensor.Columns];
            ResidualRunner.DownloadFinite(Backend, tensor, states, layer);
            read(layer, states);
        }));
    }

    /// <summary>Runs what else needs the backend while no other call does.</summary>
    /// <exception cref="ObjectDisposedException">The reader is gone, and the backend with it.</exception>
    internal void UseBackend(Action action)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            action();
        }
    }

    /// <summary>Hands over the states that the cache has, and gives the numbers of the others.</summary>
    private int[] ReadCached(IReadOnlyList<TokenSequence> sequences, HiddenStateCache cache, BlockReader read, CancellationToken cancel)
    {
        var missing = new List<int>();
        var numbers = new int[CachedRows];
        var block = new float[CachedRows * DModel];
        int count = 0;
        for (int i = 0; i < sequences.Count; i++)
        {
            if (cache.TryGet(KeyOf(sequences[i]), block.AsSpan(count * DModel, DModel))) numbers[count++] = i;
            else missing.Add(i);
            if (count == 0 || (count < CachedRows && i < sequences.Count - 1)) continue;
            cancel.ThrowIfCancellationRequested();
            read(numbers.AsMemory(0, count), block.AsMemory(0, count * DModel));
            count = 0;
        }
        return [.. missing];
    }

    private HiddenStateKey KeyOf(TokenSequence sequence) => HiddenStateKey.Of(
        Model.Fingerprint, Tokenizer?.Fingerprint ?? "", Template?.Fingerprint ?? "", Arithmetic, Layer,
        $"{Options.Position} {sequence.ReadStart} {sequence.ReadEnd}", "", sequence.Ids.Span);

    // Another kernel or another version of the engine may round otherwise.
    private static string ArithmeticOf(Backend backend, DType compute) => string.Join(' ',
        Enum.GetValues<OpKind>().Where(op => op is not (OpKind.SaeEncode or OpKind.CountActive or OpKind.Score)).Select(op => backend.Variants(op).FirstOrDefault(variant => variant.Selected).Name)
            .Prepend(backend.Name).Prepend(compute.Name()).Prepend(RewardTrainer.EngineVersion));

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

    private static ChatTemplate? TemplateOf(ReaderOptions options, string folder, ModelTokenizer? tokenizer)
    {
        if (tokenizer is null)
        {
            if (options.ChatTemplate is null || options.IdsOnly) return null;
            throw new ModelFormatException(folder, $"has no tokenizer, so the chat template {options.ChatTemplate} cannot be used; add tokenizer.json or tokenizer.model");
        }
        if (options.Template is { } source) return ChatTemplate.Parse(source.Name, source.Source, tokenizer.SpecialTokens);
        return options.ChatTemplate is { } named ? ChatTemplate.Named(named, tokenizer.SpecialTokens) : ChatTemplate.FromFolder(folder, tokenizer.SpecialTokens);
    }

    /// <summary>Frees the model and the backend, after a running call has ended.</summary>
    public void Dispose() => Dispose(null);

    /// <summary>As <see cref="Dispose()"/>, with something more that lives on the backend.</summary>
    internal void Dispose(IDisposable? onBackend)
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            onBackend?.Dispose();
            _runner.Dispose();
            Model.Dispose();
            Backend.Dispose();
        }
    }
}
