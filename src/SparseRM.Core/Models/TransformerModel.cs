using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Models.Architectures;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>A model's embedding and its blocks 0..L on a backend. Shards that hold only later blocks are never opened.</summary>
public sealed class TransformerModel : IDisposable
{
    private readonly List<BlockWeights> _blocks = [];
    private readonly ModelTensors _tensors;
    private readonly IWeightSource _weights;
    // Names of the tensors that the embedding and blocks 0..l consist of.
    private readonly List<string[]> _names = [];
    private readonly Dictionary<int, string> _fingerprints = [];

    private TransformerModel(Backend backend, ModelConfig config, IWeightSource weights, DType? compute)
    {
        (Backend, Folder, Config, _weights) = (backend, weights.Path, config, weights);
        _tensors = new ModelTensors(weights, config);
        var embedding = _tensors.Embedding();
        WeightType = embedding.DType;
        Compute = compute ?? ComputeOf(WeightType);
        Embedding = backend.OpenEmbedding(embedding);
    }

    /// <summary>Opens a model folder and loads blocks 0..<paramref name="layer"/>.</summary>
    /// <param name="backend">Where the weights go; must outlive the model.</param>
    /// <param name="folder">A folder with config.json and safetensors.</param>
    /// <param name="layer">Last block, 0-based.</param>
    /// <param name="compute">F32, BF16 or I8; null takes the weights' own type (F16 weights compute in F32).</param>
    /// <param name="progress">Told the number of blocks loaded.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="ModelFormatException">The folder is not a model that this engine can represent, or has no such layer.</exception>
    public static TransformerModel Open(
        Backend backend, string folder, int layer, DType? compute = null, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        var config = ArchitectureCatalog.Read(folder);
        RequireLayer(folder, config, layer);
        return Open(backend, config, WeightIndex.Open(folder), layer, compute, progress, cancel);
    }

    /// <summary>The type that the products of a folder's model have where none is asked for: that of its weights, and F32 for F16.</summary>
    /// <exception cref="ModelFormatException">The folder is not a model that this engine can represent.</exception>
    public static DType ComputeOf(string folder) => ComputeOf(new ModelTensors(WeightIndex.Open(folder), ArchitectureCatalog.Read(folder)).Embedding().DType);

    /// <summary>As <see cref="Open(Backend, string, int, DType?, IProgress{int}?, CancellationToken)"/>, with a config and tensors from elsewhere.</summary>
    public static TransformerModel Open(
        Backend backend, ModelConfig config, IWeightSource weights, int layer, DType? compute = null, IProgress<int>? progress = null,
        CancellationToken cancel = default)
    {
        RequireLayer(weights.Path, config, layer);
        var model = new TransformerModel(backend, config, weights, compute);
        try
        {
            model.Load(layer, progress, cancel);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Loads the blocks up to a layer that are not there yet. Those that were loaded before an error or a cancellation stay.</summary>
    /// <param name="layer">Last block, 0-based.</param>
    /// <param name="progress">Told the number of blocks loaded.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="ModelFormatException">The model has no such layer, or a tensor is not what its config promises.</exception>
    public void Load(int layer, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        RequireLayer(Folder, Config, layer);
        for (int block = _blocks.Count; block <= layer; block++)
        {
            cancel.ThrowIfCancellationRequested();
            _blocks.Add(new BlockWeights(Backend, _tensors, Config, block, Compute));
            lock (_fingerprints) _names.Add([.. _weights.Names.Except(_weights.Untaken)]);
            progress?.Report(block + 1);
        }
    }

    /// <summary>Tells this model's blocks 0..<paramref name="layer"/> from another's; see <see cref="ModelFingerprint"/>. Thread-safe.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They are not loaded.</exception>
    public string FingerprintOf(int layer)
    {
        lock (_fingerprints)
        {
            if (layer < 0 || layer >= _names.Count) throw new ArgumentOutOfRangeException(nameof(layer), layer, $"blocks 0..{_names.Count - 1} are loaded");
            if (!_fingerprints.TryGetValue(layer, out string? known))
                _fingerprints[layer] = known = ModelFingerprint.Compute(Config, _weights, _names[layer], layer);
            return known;
        }
    }

    /// <summary>Where the weights are.</summary>
    public Backend Backend { get; }

    /// <summary>The model's folder, or what its weights say of themselves.</summary>
    public string Folder { get; }

    /// <summary>The model's behaviour.</summary>
    public ModelConfig Config { get; }

    /// <summary>Element type of the weights in the file.</summary>
    public DType WeightType { get; }

    /// <summary>F32, BF16 or I8: see <see cref="Matrix.Compute"/>.</summary>
    public DType Compute { get; }

    /// <summary>Last block loaded.</summary>
    public int LastLayer => _blocks.Count - 1;

    /// <summary>Bytes of the matrices that the backend keeps.</summary>
    public long ResidentBytes => _blocks.Sum(block => block.ResidentBytes);

    internal EmbeddingTable Embedding { get; }

    internal BlockWeights Block(int layer) => _blocks[layer];

    private static DType ComputeOf(DType weights) => weights == DType.BF16 ? DType.BF16 : DType.F32;

    private static void RequireLayer(string path, ModelConfig config, int layer)
    {
        if (layer < 0 || layer >= config.NLayers)
            throw new ModelFormatException(path, $"has layers 0 to {config.NLayers - 1}; layer {layer} is out of range");
    }

    /// <summary>Frees the weights; the backend lives on.</summary>
    public void Dispose()
    {
        foreach (var block in _blocks) block.Dispose();
        _blocks.Clear();
        Embedding.Dispose();
    }
}
