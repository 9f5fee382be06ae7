using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>A model's tensors by their Hugging Face names, BF16, made up from a seed as they are read: a shape without a download.</summary>
/// <remarks>
/// Matrices are uniform with a standard deviation of 1 / sqrt(inputs), so that activations keep their size through any number of blocks; the
/// embedding's is 1, or what its scale makes 1; norms multiply by 0.9 to 1.1; biases have 0.02. Nothing is kept in memory.
/// </remarks>
public sealed class RandomWeights : IWeightSource
{
    private readonly Dictionary<string, (long[] Shape, float Mean, double Deviation)> _tensors = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly long _seed;

    /// <summary>Describes the embedding and the first blocks of a model.</summary>
    /// <param name="config">The model.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="seed">The same seed gives the same bits on every machine.</param>
    public RandomWeights(ModelConfig config, int blocks, long seed)
    {
        (_seed, Path) = (seed, $"random {config.Family} weights of seed {seed}");
        AddMatrix("model.embed_tokens.weight", config.ScaleEmbedding ? 1 / Math.Sqrt(config.DModel) : 1, config.DVocab, config.DModel);
        for (int block = 0; block < blocks; block++) AddBlock(config, $"model.layers.{block}.");
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Untaken => _tensors.Keys.Where(name => !_taken.Contains(name));

    /// <inheritdoc/>
    public WeightSlice Take(string name)
    {
        if (!_tensors.TryGetValue(name, out var tensor)) throw new ModelFormatException(Path, $"has no tensor \"{name}\"");
        _taken.Add(name);
        return Slice(Path, name, DType.BF16, tensor.Shape, tensor.Mean, tensor.Deviation, _seed);
    }

    /// <summary>A tensor that lies nowhere: uniform numbers of a mean and a standard deviation, in BF16 or F32 (which holds numbers of BF16).</summary>
    /// <param name="path">What messages call its source.</param>
    /// <param name="name">Its name: part of what decides its bits.</param>
    /// <param name="dtype">BF16 or F32.</param>
    /// <param name="shape">Dimensions, C order.</param>
    /// <param name="mean">Mean.</param>
    /// <param name="deviation">Standard deviation.</param>
    /// <param name="seed">The other part.</param>
    public static WeightSlice Slice(string path, string name, DType dtype, IReadOnlyList<long> shape, float mean, double deviation, long seed)
    {
        if (dtype is not (DType.BF16 or DType.F32)) throw new ArgumentException($"random weights are BF16 or F32, not {dtype}", nameof(dtype));
        long elements = shape.Aggregate(1L, (product, size) => product * size);
        return new WeightSlice(path, name, dtype, shape, () => new RandomBytes(seed, name, dtype, mean, deviation, elements));
    }

    private void AddBlock(ModelConfig config, string block)
    {
        int dModel = config.DModel, qWidth = config.NHeads * config.DHead, kvWidth = config.NKvHeads * config.DHead;
        string[] norms = config.PostNorms
            ? ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
            : ["input_layernorm", "post_attention_layernorm"];
        float one = config.RmsNormUnitOffset ? 0 : 1;
        foreach (string norm in norms) AddVector($"{block}{norm}.weight", NormDeviation, one, dModel);
        if (config.QkNorm)
            foreach (string norm in (ReadOnlySpan<string>)["q_norm", "k_norm"]) AddVector($"{block}self_attn.{norm}.weight", NormDeviation, one, config.DHead);
        foreach (var (name, outputs, inputs, bias) in (ReadOnlySpan<(string, int, int, bool)>)
            [
                ("self_attn.q_proj", qWidth, dModel, config.QkvBias), ("self_attn.k_proj", kvWidth, dModel, config.QkvBias),
                ("self_attn.v_proj", kvWidth, dModel, config.QkvBias), ("self_attn.o_proj", dModel, qWidth, config.OutputBias),
                ("mlp.gate_proj", config.DMlp, dModel, false), ("mlp.up_proj", config.DMlp, dModel, false), ("mlp.down_proj", dModel, config.DMlp, false),
            ])
        {
            AddMatrix($"{block}{name}.weight", 1 / Math.Sqrt(inputs), outputs, inputs);
            if (bias) AddVector($"{block}{name}.bias", BiasDeviation, 0, outputs);
        }
    }

    private const double NormDeviation = 0.05, BiasDeviation = 0.02;

    private void AddMatrix(string name, double deviation, int rows, int columns) => _tensors.Add(name, ([rows, columns], 0, deviation));

    private void AddVector(string name, double deviation, float mean, int length) => _tensors.Add(name, ([length], mean, deviation));
}
