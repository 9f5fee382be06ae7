using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>How a frequency table is stretched beyond the trained context.</summary>
/// <param name="Kind"><c>default</c>, <c>linear</c>, <c>dynamic</c>, <c>yarn</c> or <c>llama3</c>.</param>
/// <param name="Factor">Divides frequencies (all of them, or the low ones).</param>
/// <param name="LowFreqFactor">llama3: wavelengths above original context / this are divided by the factor.</param>
/// <param name="HighFreqFactor">llama3: wavelengths below original context / this are kept.</param>
/// <param name="OriginalContext">llama3, yarn: context that the model was first trained on, in tokens.</param>
public sealed record RopeScaling(string Kind, double Factor = 1, double LowFreqFactor = 1, double HighFreqFactor = 1, int OriginalContext = 0)
{
    /// <summary>yarn: frequencies that turn at least this often within the original context are kept.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>yarn: frequencies that turn at most this often within the original context are divided by the factor.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>yarn: whether the ramp between the two begins and ends at whole frequencies.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>Multiplies cos and sin (yarn), so that scores of attention grow with the context.</summary>
    public double AttentionFactor { get; init; } = 1;
}

/// <summary>One rotary table of a model.</summary>
/// <param name="Theta">Base of the frequencies.</param>
/// <param name="Scaling">Stretching.</param>
public sealed record RopeConfig(double Theta, RopeScaling Scaling);

/// <summary>Part of a matrix whose fp8 elements share one scale.</summary>
/// <param name="Rows">Outputs; the last block of a matrix may have fewer.</param>
/// <param name="Columns">Inputs; likewise.</param>
public sealed record Fp8Block(int Rows, int Columns);

/// <summary>A model by its behaviour, not its brand: all that the forward pass may ask.</summary>
public sealed record ModelConfig
{
    /// <summary>The family's name, HF <c>model_type</c>: for people and fingerprints only.</summary>
    public required string Family { get; init; }
    /// <summary>Number of blocks.</summary>
    public required int NLayers { get; init; }
    /// <summary>Width of the residual stream.</summary>
    public required int DModel { get; init; }
    /// <summary>Query heads.</summary>
    public required int NHeads { get; init; }
    /// <summary>Key and value heads.</summary>
    public required int NKvHeads { get; init; }
    /// <summary>Width of a head; not always DModel / NHeads.</summary>
    public required int DHead { get; init; }
    /// <summary>Width of the MLP.</summary>
    public required int DMlp { get; init; }
    /// <summary>Rows of the embedding.</summary>
    public required int DVocab { get; init; }
    /// <summary>Longest input, in tokens: the trained context, or what yarn stretches it to.</summary>
    /// <remarks>
    /// Dynamic scaling begins beyond the trained context, and there a text has no state of its own: the published code turns every token by frequencies
    /// of the longest text of the batch, or of a longer one that the process has seen before. So no longer input is read; within the context the
    /// frequencies are the trained ones.
    /// </remarks>
    public required int NCtx { get; init; }
    /// <summary>epsilon of every RMS norm.</summary>
    public required float RmsNormEps { get; init; }
    /// <summary>Whether norms multiply by 1 + weight (Gemma) instead of weight.</summary>
    public bool RmsNormUnitOffset { get; init; }
    /// <summary>Whether each branch is normed again before it is added (Gemma-2, Gemma-3).</summary>
    public bool PostNorms { get; init; }
    /// <summary>Whether embeddings are multiplied by sqrt(DModel), rounded to the compute dtype first (Gemma).</summary>
    public bool ScaleEmbedding { get; init; }
    /// <summary>Multiplies q·k.</summary>
    public required float QueryScale { get; init; }
    /// <summary>Soft-cap of attention scores; 0 for none.</summary>
    public float AttnLogitSoftcap { get; init; }
    /// <summary>Soft-cap of the logits, which no state depends on; 0 for none.</summary>
    public float FinalLogitSoftcap { get; init; }
    /// <summary>Sliding window of each layer, in tokens; 0 for none.</summary>
    public required IReadOnlyList<int> LayerWindows { get; init; }
    /// <summary>The rotary tables.</summary>
    public required IReadOnlyList<RopeConfig> Ropes { get; init; }
    /// <summary>Which of <see cref="Ropes"/> each layer uses.</summary>
    public required IReadOnlyList<int> LayerRopes { get; init; }
    /// <summary>Non-linearity of the MLP's gate.</summary>
    public required GatedActivationKind Activation { get; init; }
    /// <summary>Whether queries and keys are normed per head before the rotation (Qwen3, Gemma-3).</summary>
    public bool QkNorm { get; init; }
    /// <summary>Whether q, k and v have biases (Qwen2).</summary>
    public bool QkvBias { get; init; }
    /// <summary>Whether the attention's output has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>How fp8 weights are scaled; null where no weight may be fp8.</summary>
    public Fp8Block? Fp8Block { get; init; }
    /// <summary>Fields of config.json that the family's code never reads, so that they change nothing; for reports.</summary>
    public IReadOnlyList<string> IgnoredFields { get; init; } = [];

    /// <summary>Factor of the embeddings for a compute dtype: sqrt(DModel) rounded to it (to BF16 for I8), or 1.</summary>
    /// <remarks>Gemma-2-9B in bf16 multiplies by 59.75, not 59.866: the rounding is part of the model. Source: HF Gemma2Model.</remarks>
    public float EmbeddingScale(DType compute) => !ScaleEmbedding ? 1
        : compute == DType.F32 ? MathF.Sqrt(DModel) : BFloat16.Round(MathF.Sqrt(DModel));
}
