using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>Encoder rows of a few latents of an SAE whose gate looks at one latent at a time (relu, jumprelu, gated), so that scoring needs no SAE.</summary>
/// <remarks>
/// With a_j = &lt;Encoder[j], z&gt;: f_j = relu(Scale[j] * a_j + MagnitudeBias[j]) where a_j + GateBias[j] &gt; Threshold[j], else 0.
/// relu: GateBias = MagnitudeBias = b_enc, Scale 1, Threshold 0. jumprelu: likewise with its threshold. gated: GateBias = b_gate, Scale = exp(r_mag),
/// MagnitudeBias = b_mag, Threshold 0. A decoder bias that is taken from z first goes into the biases (GateBias -= &lt;Encoder[j], b_dec&gt;,
/// MagnitudeBias -= Scale * the same). TopK, GroupMax and input norms that depend on z cannot be written so: they need the SAE.
/// </remarks>
public sealed class LatentGates
{
    /// <summary>Takes the arrays as they are: encoder [n, d_model], the others [n].</summary>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public LatentGates(int dModel, float[] encoder, float[] gateBias, float[] threshold, float[] scale, float[] magnitudeBias)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dModel);
        int n = gateBias.Length;
        if (encoder.Length != (long)n * dModel || threshold.Length != n || scale.Length != n || magnitudeBias.Length != n)
            throw new ArgumentException($"gates of {n} latents with {encoder.Length} encoder values of rows of {dModel}");
        (DModel, Encoder, GateBias, Threshold, Scale, MagnitudeBias) = (dModel, encoder, gateBias, threshold, scale, magnitudeBias);
    }

    /// <summary>Width of z.</summary>
    public int DModel { get; }

    /// <summary>Number of latents.</summary>
    public int Count => GateBias.Length;

    /// <summary>[n, d_model].</summary>
    public ReadOnlyMemory<float> Encoder { get; }

    /// <summary>[n]: added before the comparison with the threshold.</summary>
    public ReadOnlyMemory<float> GateBias { get; }

    /// <summary>[n]: the latent is active above it.</summary>
    public ReadOnlyMemory<float> Threshold { get; }

    /// <summary>[n]: factor of the magnitude.</summary>
    public ReadOnlyMemory<float> Scale { get; }

    /// <summary>[n]: bias of the magnitude.</summary>
    public ReadOnlyMemory<float> MagnitudeBias { get; }

    /// <summary>Activations [n] of one hidden state z [d_model]; sums in float64.</summary>
    public void Activate(ReadOnlySpan<float> z, Span<float> activations)
    {
        for (int j = 0; j < Count; j++)
        {
            double a = DotProduct.Of(Encoder.Span.Slice(j * DModel, DModel), z);
            bool active = a + GateBias.Span[j] > Threshold.Span[j];
            activations[j] = active ? (float)Math.Max(0, (Scale.Span[j] * a) + MagnitudeBias.Span[j]) : 0;
        }
    }
}
