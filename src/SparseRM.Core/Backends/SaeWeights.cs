using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>An SAE's encoder and gate as <see cref="Backend.SaeEncode"/> takes them. Owns nothing; tensors are [1, d_sae] in the backend's memory.</summary>
public sealed record SaeWeights
{
    /// <summary>[d_sae, d_in].</summary>
    public required Matrix WEnc { get; init; }
    /// <summary>Factor of each product, or null for 1.</summary>
    public Tensor? Scale { get; init; }
    /// <summary>Added to each scaled product.</summary>
    public required Tensor Bias { get; init; }
    /// <summary>The gate with its vectors on the host.</summary>
    public required SaeGate Gate { get; init; }
    /// <summary>JumpReLU's thresholds, else null.</summary>
    public Tensor? Threshold { get; init; }
    /// <summary>The gated SAE's vectors, else null.</summary>
    public Tensor? GateBias { get; init; }
    /// <summary>As <see cref="GateBias"/>.</summary>
    public Tensor? MagnitudeScale { get; init; }
    /// <summary>As <see cref="GateBias"/>.</summary>
    public Tensor? MagnitudeBias { get; init; }
    /// <summary><see cref="Scale"/> on the host.</summary>
    public float[]? HostScale { get; init; }
    /// <summary><see cref="Bias"/> on the host.</summary>
    public required float[] HostBias { get; init; }

    /// <summary>Width of x.</summary>
    public int DIn => WEnc.Inputs;
    /// <summary>Number of latents.</summary>
    public int DSae => WEnc.Outputs;
    /// <summary>The most latents that a row can have active.</summary>
    public int Capacity => Gate.Capacity(DSae);
    /// <summary>The active latents of TopK or the groups of GroupMax, at most d_sae; 0 for other gates.</summary>
    public int K => Gate.Kind is SaeGateKind.TopK or SaeGateKind.GroupMax ? Capacity : 0;
}
