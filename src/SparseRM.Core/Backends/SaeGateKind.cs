namespace SparseRM.Backends;

/// <summary>How an SAE's pre-activations become activations; the formulas are those of <see cref="SaeGate"/>.</summary>
/// <remarks>The one list: kernels in other languages take their numbers from here, and a test compares them.</remarks>
public enum SaeGateKind
{
    /// <summary>Those above zero.</summary>
    Relu = 0,
    /// <summary>Those above zero and above a threshold of their own.</summary>
    JumpRelu = 1,
    /// <summary>The K greatest, if above zero.</summary>
    TopK = 2,
    /// <summary>The greatest of each of K groups, if above zero.</summary>
    GroupMax = 3,
    /// <summary>Magnitudes where a gate of its own is open.</summary>
    Gated = 4,
}
