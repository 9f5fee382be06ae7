using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Tensors;

/// <summary>Dot product of float32 vectors in float64.</summary>
/// <remarks>Eight sums in a fixed order on every machine: products of float32 are exact in float64, so fused or not the bits are the same.</remarks>
internal static class DotProduct
{
    /// <summary>sum_i a[i] * b[i].</summary>
    public static double Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) throw new ArgumentException($"vectors of {a.Length} and {b.Length} values");
        ref float x = ref MemoryMarshal.GetReference(a), y = ref MemoryMarshal.GetReference(b);
        var (low, high) = (Vector256<double>.Zero, Vector256<double>.Zero);
        int i = 0;
        for (; i + 8 <= a.Length; i += 8)
        {
            var (xLow, xHigh) = Vector256.Widen(Vector256.LoadUnsafe(ref x, (nuint)i));
            var (yLow, yHigh) = Vector256.Widen(Vector256.LoadUnsafe(ref y, (nuint)i));
            low += xLow * yLow;
            high += xHigh * yHigh;
        }
        low += high;
        double sum = (low[0] + low[1]) + (low[2] + low[3]);
        for (; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
