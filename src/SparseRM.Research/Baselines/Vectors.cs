using System.Runtime.Intrinsics;
using SparseRM.Fitting;

namespace SparseRM.Research.Baselines;

/// <summary>Sums over float64 vectors in one order on every machine: four lanes, fused multiply-add, lanes added pairwise.</summary>
internal static class Vectors
{
    private const int Lanes = 4;

    /// <summary>sum_i a[i] b[i].</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        int whole = a.Length - (a.Length % Lanes);
        var sum = Vector256<double>.Zero;
        for (int i = 0; i < whole; i += Lanes) sum = Vector256.FusedMultiplyAdd(Vector256.Create(a.Slice(i, Lanes)), Vector256.Create(b.Slice(i, Lanes)), sum);
        double rest = MatrixProduct.Sum(sum);
        for (int i = whole; i < a.Length; i++) rest = Math.FusedMultiplyAdd(a[i], b[i], rest);
        return rest;
    }

    /// <summary>y += scale x.</summary>
    public static void AddScaled(Span<double> y, double scale, ReadOnlySpan<double> x)
    {
        int whole = y.Length - (y.Length % Lanes);
        var factor = Vector256.Create(scale);
        for (int i = 0; i < whole; i += Lanes)
            Vector256.FusedMultiplyAdd(Vector256.Create(x.Slice(i, Lanes)), factor, Vector256.Create((ReadOnlySpan<double>)y.Slice(i, Lanes))).CopyTo(y.Slice(i, Lanes));
        for (int i = whole; i < y.Length; i++) y[i] = Math.FusedMultiplyAdd(x[i], scale, y[i]);
    }
}
