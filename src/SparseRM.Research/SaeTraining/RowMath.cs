using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Research.SaeTraining;

/// <summary>Arithmetic in float32 on rows whose length is a multiple of <see cref="Unit"/>.</summary>
/// <remarks>Lanes and their sums are the same for vectors of 8 and of 16 floats, so the bits do not depend on the processor.</remarks>
internal static class RowMath
{
    /// <summary>Floats that are worked on together.</summary>
    public const int Unit = 16;

    /// <summary>The next multiple of <see cref="Unit"/>.</summary>
    public static int Pad(int length) => checked(length + Unit - 1) / Unit * Unit;

    /// <summary>y += factor * x, each rounded once.</summary>
    public static void AddScaled(float factor, ReadOnlySpan<float> x, Span<float> y)
    {
        Check(x.Length, y.Length);
        ref float from = ref MemoryMarshal.GetReference(x), to = ref MemoryMarshal.GetReference(y);
        nuint length = (nuint)x.Length;
        if (Vector512.IsHardwareAccelerated)
        {
            var scale = Vector512.Create(factor);
            for (nuint i = 0; i < length; i += 16)
                Vector512.FusedMultiplyAdd(scale, Vector512.LoadUnsafe(ref from, i), Vector512.LoadUnsafe(ref to, i)).StoreUnsafe(ref to, i);
            return;
        }
        var factors = Vector256.Create(factor);
        for (nuint i = 0; i < length; i += 8)
            Vector256.FusedMultiplyAdd(factors, Vector256.LoadUnsafe(ref from, i), Vector256.LoadUnsafe(ref to, i)).StoreUnsafe(ref to, i);
    }

    /// <summary>sum_i x[i] * y[i]: 64 sums, added in a fixed order.</summary>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        Check(x.Length, y.Length);
        ref float a = ref MemoryMarshal.GetReference(x), b = ref MemoryMarshal.GetReference(y);
        nuint length = (nuint)x.Length, i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (; i + 64 <= length; i += 64)
            {
                s0 = Product512(ref a, ref b, i, s0);
                s1 = Product512(ref a, ref b, i + 16, s1);
                s2 = Product512(ref a, ref b, i + 32, s2);
                s3 = Product512(ref a, ref b, i + 48, s3);
            }
            if (i < length) s0 = Product512(ref a, ref b, i, s0);
            if (i + 16 < length) s1 = Product512(ref a, ref b, i + 16, s1);
            if (i + 32 < length) s2 = Product512(ref a, ref b, i + 32, s2);
            var sum = (s0 + s1) + (s2 + s3);
            return Sum(sum.GetLower() + sum.GetUpper());
        }
        Vector256<float> l0 = default, h0 = default, l1 = default, h1 = default, l2 = default, h2 = default, l3 = default, h3 = default;
        for (; i + 64 <= length; i += 64)
        {
            (l0, h0) = (Product256(ref a, ref b, i, l0), Product256(ref a, ref b, i + 8, h0));
            (l1, h1) = (Product256(ref a, ref b, i + 16, l1), Product256(ref a, ref b, i + 24, h1));
            (l2, h2) = (Product256(ref a, ref b, i + 32, l2), Product256(ref a, ref b, i + 40, h2));
            (l3, h3) = (Product256(ref a, ref b, i + 48, l3), Product256(ref a, ref b, i + 56, h3));
        }
        if (i < length) (l0, h0) = (Product256(ref a, ref b, i, l0), Product256(ref a, ref b, i + 8, h0));
        if (i + 16 < length) (l1, h1) = (Product256(ref a, ref b, i + 16, l1), Product256(ref a, ref b, i + 24, h1));
        if (i + 32 < length) (l2, h2) = (Product256(ref a, ref b, i + 32, l2), Product256(ref a, ref b, i + 40, h2));
        return Sum(((l0 + l1) + (l2 + l3)) + ((h0 + h1) + (h2 + h3)));
    }

    /// <summary>y += the sum of factors[i] * rows[i], in that order, each rounded once; four rows at a time, so that y is read and written less often.</summary>
    /// <param name="matrix">Rows as long as y.</param>
    /// <param name="rows">Which rows.</param>
    /// <param name="factors">Theirs.</param>
    /// <param name="y">What is added to.</param>
    public static void AddRows(ReadOnlySpan<float> matrix, ReadOnlySpan<int> rows, ReadOnlySpan<float> factors, Span<float> y)
    {
        int i = 0, length = y.Length;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 4 <= rows.Length; i += 4)
            {
                ref float a = ref MemoryMarshal.GetReference(matrix.Slice(rows[i] * length, length)), b = ref MemoryMarshal.GetReference(matrix.Slice(rows[i + 1] * length, length));
                ref float c = ref MemoryMarshal.GetReference(matrix.Slice(rows[i + 2] * length, length)), d = ref MemoryMarshal.GetReference(matrix.Slice(rows[i + 3] * length, length));
                Vector512<float> fa = Vector512.Create(factors[i]), fb = Vector512.Create(factors[i + 1]), fc = Vector512.Create(factors[i + 2]), fd = Vector512.Create(factors[i + 3]);
                ref float to = ref MemoryMarshal.GetReference(y);
                for (nuint k = 0; k < (nuint)length; k += 16)
                {
                    var sum = Vector512.FusedMultiplyAdd(fa, Vector512.LoadUnsafe(ref a, k), Vector512.LoadUnsafe(ref to, k));
                    sum = Vector512.FusedMultiplyAdd(fb, Vector512.LoadUnsafe(ref b, k), sum);
                    sum = Vector512.FusedMultiplyAdd(fc, Vector512.LoadUnsafe(ref c, k), sum);
                    Vector512.FusedMultiplyAdd(fd, Vector512.LoadUnsafe(ref d, k), sum).StoreUnsafe(ref to, k);
                }
            }
        }
        for (; i < rows.Length; i++) AddScaled(factors[i], matrix.Slice(rows[i] * length, length), y);
    }

    /// <summary>x *= factor.</summary>
    public static void Scale(float factor, Span<float> x)
    {
        for (int i = 0; i < x.Length; i += 8) (Vector256.Create<float>(x.Slice(i, 8)) * factor).CopyTo(x.Slice(i, 8));
    }

    /// <summary>y += x.</summary>
    public static void Add(ReadOnlySpan<float> x, Span<float> y) => AddScaled(1, x, y);

    private static Vector512<float> Product512(ref float a, ref float b, nuint i, Vector512<float> sum) =>
        Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref a, i), Vector512.LoadUnsafe(ref b, i), sum);

    private static Vector256<float> Product256(ref float a, ref float b, nuint i, Vector256<float> sum) =>
        Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref a, i), Vector256.LoadUnsafe(ref b, i), sum);

    private static float Sum(Vector256<float> v)
    {
        var q = v.GetLower() + v.GetUpper();
        return (q[0] + q[2]) + (q[1] + q[3]);
    }

    private static void Check(int x, int y, [CallerMemberName] string caller = "")
    {
        if (x != y || x % Unit != 0) throw new ArgumentException($"{caller} of rows of {x} and {y} values");
    }
}
