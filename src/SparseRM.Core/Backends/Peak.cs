namespace SparseRM.Backends;

/// <summary>What a <see cref="Peak"/> limits.</summary>
public enum PeakKind
{
    /// <summary>Additions and multiplications of F32, per second.</summary>
    F32,
    /// <summary>Additions and multiplications of products of BF16 that are summed in F32, per second.</summary>
    BF16,
    /// <summary>Additions and multiplications of products of I8 that are summed in I32, per second.</summary>
    I8,
    /// <summary>Bytes read per second.</summary>
    Read,
}

/// <summary>The most that a device reaches: measured on it, or nominal.</summary>
/// <param name="Kind">What is limited, with its unit.</param>
/// <param name="Name">
/// The kernels' name of the instructions (<c>avx2</c>, <c>avx512_bf16</c>), PTX's own (<c>fma</c>, <c>mma</c>), or where the bytes
/// lie (<c>l1</c>, <c>dram</c>).
/// </param>
/// <param name="Rate">Arithmetic operations or bytes a second, over all threads.</param>
/// <param name="IsNominal">Whether nothing was measured: the rate is the highest clock times what the architecture does in a cycle.</param>
public readonly record struct Peak(PeakKind Kind, string Name, double Rate, bool IsNominal = false);
