using SparseRM.Backends;

namespace SparseRM.Sae;

/// <summary>How pre-activations p [d_sae] become sparse activations a; formulas with each case. Carried out by its <see cref="Gate"/>.</summary>
public abstract record SaeActivation
{
    private SaeActivation() { }

    /// <summary>Short name for messages and files: <c>relu</c>, <c>jumprelu</c>, <c>topk</c>, <c>groupmax</c>, <c>gated</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The gate that carries it out; shares the vectors.</summary>
    public abstract SaeGate Gate { get; }

    /// <summary><c>a_i = max(p_i, 0)</c>.</summary>
    public sealed record Relu : SaeActivation
    {
        /// <inheritdoc/>
        public override string Name => "relu";

        /// <inheritdoc/>
        public override SaeGate Gate => new(SaeGateKind.Relu);
    }

    /// <summary><c>a_i = p_i if p_i &gt; t_i and p_i &gt; 0, else 0</c>; the comparison is strict.</summary>
    /// <param name="Threshold">t [d_sae], in the units of the pre-activations.</param>
    public sealed record JumpRelu(float[] Threshold) : SaeActivation
    {
        /// <inheritdoc/>
        public override string Name => "jumprelu";

        /// <inheritdoc/>
        public override SaeGate Gate => new(SaeGateKind.JumpRelu) { Threshold = Threshold };
    }

    /// <summary>The K greatest p_i, of equal ones those of lower index, and of these the positive ones: <c>a_i = p_i</c>.</summary>
    /// <remarks>A ReLU before or after the choice gives the same, since a chosen p_i of at most 0 counts as not active.</remarks>
    /// <param name="K">At most this many latents are active.</param>
    public sealed record TopK(int K) : SaeActivation
    {
        /// <inheritdoc/>
        public override string Name => "topk";

        /// <inheritdoc/>
        public override SaeGate Gate => new(SaeGateKind.TopK) { K = K };
    }

    /// <summary>In each of K contiguous groups of d_sae / K latents the greatest p_i, the first of equal ones, if it is positive.</summary>
    /// <param name="K">Number of groups; divides d_sae.</param>
    public sealed record GroupMax(int K) : SaeActivation
    {
        /// <inheritdoc/>
        public override string Name => "groupmax";

        /// <inheritdoc/>
        public override SaeGate Gate => new(SaeGateKind.GroupMax) { K = K };
    }

    /// <summary><c>a_i = max(p_i * s_i + m_i, 0) if p_i + g_i &gt; 0, else 0</c>.</summary>
    /// <param name="GateBias">g [d_sae].</param>
    /// <param name="MagnitudeScale">s [d_sae], exp(r_mag).</param>
    /// <param name="MagnitudeBias">m [d_sae].</param>
    public sealed record Gated(float[] GateBias, float[] MagnitudeScale, float[] MagnitudeBias) : SaeActivation
    {
        /// <inheritdoc/>
        public override string Name => "gated";

        /// <inheritdoc/>
        public override SaeGate Gate =>
            new(SaeGateKind.Gated) { GateBias = GateBias, MagnitudeScale = MagnitudeScale, MagnitudeBias = MagnitudeBias };
    }
}

/// <summary>What is done to a residual vector x [d_in] before the encoder, and undone after the decoder, because it depends on x and cannot be folded.</summary>
public enum SaeInputNorm
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary><c>z = (x - mean) / (std + 1e-5)</c>, std with d_in - 1; undone by <c>y * std + mean</c>.</summary>
    LayerNorm,

    /// <summary><c>z = x * c, c = sqrt(d_in) / |x|</c>; undone by <c>y / c</c>.</summary>
    ConstantNorm,
}

/// <summary>Which of the two published readings of a Llama Scope checkpoint is meant.</summary>
public enum LlamaScopeMode
{
    /// <summary>OpenMOSS's own inference: the gate sees pre-activations times the decoder's norm.</summary>
    Official,

    /// <summary>What SAELens loads: no decoder norm, activations in the units of normalised inputs.</summary>
    SaeLens,
}
