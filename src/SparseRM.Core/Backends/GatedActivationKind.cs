namespace SparseRM.Backends;

/// <summary>The non-linearity on the gate of an MLP.</summary>
public enum GatedActivationKind
{
    /// <summary>silu(g) = g / (1 + exp(-g)).</summary>
    Silu,
    /// <summary>gelu(g) = 0.5 g (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))).</summary>
    GeluTanh,
    /// <summary>gelu(g) = 0.5 g (1 + erf(g / sqrt(2))).</summary>
    GeluErf,
}
