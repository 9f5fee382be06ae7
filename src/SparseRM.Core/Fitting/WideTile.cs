using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Fitting;

/// <summary>The inner loops of <see cref="WideProduct"/>.</summary>
internal static class WideTile
{
    private const int Lanes = 4;

    /// <summary>Eight rows against 3 vectors: 24 sums of a lane at a time.</summary>
    /// <param name="a">Rows.</param>
    /// <param name="first">Where the first of them begins.</param>
    /// <param name="steps">From there to each of the eight.</param>
    /// <param name="packed">Columns, as <see cref="WideProduct"/> packs them.</param>
    /// <param name="at">Where theirs begin.</param>
    /// <param name="partial">Room for a tile.</param>
    /// <param name="tile">The sums, row after row.</param>
    /// <param name="length">Of the depth; a multiple of 4.</param>
    // Not inlined: among the loops around it the sums would not all stay in registers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Of3(double[] a, nint first, Span<nint> steps, double[] packed, nint at, Span<double> partial, Span<double> tile, int length)
    {
        nint quarter = length / Lanes;
        ref double p = ref MemoryMarshal.GetReference(partial), t = ref MemoryMarshal.GetReference(tile);
        for (int lane = 0; lane < Lanes; lane++)
        {
            ref double r0 = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(a), first + lane), b = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(packed), at + (lane * quarter * 24));
            ref double r1 = ref Unsafe.Add(ref r0, steps[1]), r2 = ref Unsafe.Add(ref r0, steps[2]), r3 = ref Unsafe.Add(ref r0, steps[3]), r4 = ref Unsafe.Add(ref r0, steps[4]);
            ref double r5 = ref Unsafe.Add(ref r0, steps[5]), r6 = ref Unsafe.Add(ref r0, steps[6]), r7 = ref Unsafe.Add(ref r0, steps[7]);
            Vector512<double> x0 = default, x1 = default, x2 = default, x3 = default, x4 = default, x5 = default, x6 = default, x7 = default;
            Vector512<double> y0 = default, y1 = default, y2 = default, y3 = default, y4 = default, y5 = default, y6 = default, y7 = default;
            Vector512<double> z0 = default, z1 = default, z2 = default, z3 = default, z4 = default, z5 = default, z6 = default, z7 = default;
            for (nint q = 0; q < quarter; q++)
            {
                Vector512<double> u = Vector512.LoadUnsafe(ref b), v = Vector512.LoadUnsafe(ref b, 8), w = Vector512.LoadUnsafe(ref b, 16);
                b = ref Unsafe.Add(ref b, 24);
                var e = Vector512.Create(Unsafe.Add(ref r0, Lanes * q));
                (x0, y0, z0) = (Vector512.FusedMultiplyAdd(e, u, x0), Vector512.FusedMultiplyAdd(e, v, y0), Vector512.FusedMultiplyAdd(e, w, z0));
                e = Vector512.Create(Unsafe.Add(ref r1, Lanes * q));
                (x1, y1, z1) = (Vector512.FusedMultiplyAdd(e, u, x1), Vector512.FusedMultiplyAdd(e, v, y1), Vector512.FusedMultiplyAdd(e, w, z1));
                e = Vector512.Create(Unsafe.Add(ref r2, Lanes * q));
                (x2, y2, z2) = (Vector512.FusedMultiplyAdd(e, u, x2), Vector512.FusedMultiplyAdd(e, v, y2), Vector512.FusedMultiplyAdd(e, w, z2));
                e = Vector512.Create(Unsafe.Add(ref r3, Lanes * q));
                (x3, y3, z3) = (Vector512.FusedMultiplyAdd(e, u, x3), Vector512.FusedMultiplyAdd(e, v, y3), Vector512.FusedMultiplyAdd(e, w, z3));
                e = Vector512.Create(Unsafe.Add(ref r4, Lanes * q));
                (x4, y4, z4) = (Vector512.FusedMultiplyAdd(e, u, x4), Vector512.FusedMultiplyAdd(e, v, y4), Vector512.FusedMultiplyAdd(e, w, z4));
                e = Vector512.Create(Unsafe.Add(ref r5, Lanes * q));
                (x5, y5, z5) = (Vector512.FusedMultiplyAdd(e, u, x5), Vector512.FusedMultiplyAdd(e, v, y5), Vector512.FusedMultiplyAdd(e, w, z5));
                e = Vector512.Create(Unsafe.Add(ref r6, Lanes * q));
                (x6, y6, z6) = (Vector512.FusedMultiplyAdd(e, u, x6), Vector512.FusedMultiplyAdd(e, v, y6), Vector512.FusedMultiplyAdd(e, w, z6));
                e = Vector512.Create(Unsafe.Add(ref r7, Lanes * q));
                (x7, y7, z7) = (Vector512.FusedMultiplyAdd(e, u, x7), Vector512.FusedMultiplyAdd(e, v, y7), Vector512.FusedMultiplyAdd(e, w, z7));
            }
            Put(ref p, ref t, lane, 0, x0); Put(ref p, ref t, lane, 8, y0); Put(ref p, ref t, lane, 16, z0);
            Put(ref p, ref t, lane, 24, x1); Put(ref p, ref t, lane, 32, y1); Put(ref p, ref t, lane, 40, z1);
            Put(ref p, ref t, lane, 48, x2); Put(ref p, ref t, lane, 56, y2); Put(ref p, ref t, lane, 64, z2);
            Put(ref p, ref t, lane, 72, x3); Put(ref p, ref t, lane, 80, y3); Put(ref p, ref t, lane, 88, z3);
            Put(ref p, ref t, lane, 96, x4); Put(ref p, ref t, lane, 104, y4); Put(ref p, ref t, lane, 112, z4);
            Put(ref p, ref t, lane, 120, x5); Put(ref p, ref t, lane, 128, y5); Put(ref p, ref t, lane, 136, z5);
            Put(ref p, ref t, lane, 144, x6); Put(ref p, ref t, lane, 152, y6); Put(ref p, ref t, lane, 160, z6);
            Put(ref p, ref t, lane, 168, x7); Put(ref p, ref t, lane, 176, y7); Put(ref p, ref t, lane, 184, z7);
        }
    }

    /// <summary>Eight rows against 2 vectors: 16 sums of a lane at a time.</summary>
    // Not inlined: among the loops around it the sums would not all stay in registers.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Of2(double[] a, nint first, Span<nint> steps, double[] packed, nint at, Span<double> partial, Span<double> tile, int length)
    {
        nint quarter = length / Lanes;
        ref double p = ref MemoryMarshal.GetReference(partial), t = ref MemoryMarshal.GetReference(tile);
        for (int lane = 0; lane < Lanes; lane++)
        {
            ref double r0 = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(a), first + lane), b = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(packed), at + (lane * quarter * 16));
            ref double r1 = ref Unsafe.Add(ref r0, steps[1]), r2 = ref Unsafe.Add(ref r0, steps[2]), r3 = ref Unsafe.Add(ref r0, steps[3]), r4 = ref Unsafe.Add(ref r0, steps[4]);
            ref double r5 = ref Unsafe.Add(ref r0, steps[5]), r6 = ref Unsafe.Add(ref r0, steps[6]), r7 = ref Unsafe.Add(ref r0, steps[7]);
            Vector512<double> x0 = default, x1 = default, x2 = default, x3 = default, x4 = default, x5 = default, x6 = default, x7 = default;
            Vector512<double> y0 = default, y1 = default, y2 = default, y3 = default, y4 = default, y5 = default, y6 = default, y7 = default;
            for (nint q = 0; q < quarter; q++)
            {
                Vector512<double> u = Vector512.LoadUnsafe(ref b), v = Vector512.LoadUnsafe(ref b, 8);
                b = ref Unsafe.Add(ref b, 16);
                var e = Vector512.Create(Unsafe.Add(ref r0, Lanes * q));
                (x0, y0) = (Vector512.FusedMultiplyAdd(e, u, x0), Vector512.FusedMultiplyAdd(e, v, y0));
                e = Vector512.Create(Unsafe.Add(ref r1, Lanes * q));
                (x1, y1) = (Vector512.FusedMultiplyAdd(e, u, x1), Vector512.FusedMultiplyAdd(e, v, y1));
                e = Vector512.Create(Unsafe.Add(ref r2, Lanes * q));
                (x2, y2) = (Vector512.FusedMultiplyAdd(e, u, x2), Vector512.FusedMultiplyAdd(e, v, y2));
                e = Vector512.Create(Unsafe.Add(ref r3, Lanes * q));
                (x3, y3) = (Vector512.FusedMultiplyAdd(e, u, x3), Vector512.FusedMultiplyAdd(e, v, y3));
                e = Vector512.Create(Unsafe.Add(ref r4, Lanes * q));
                (x4, y4) = (Vector512.FusedMultiplyAdd(e, u, x4), Vector512.FusedMultiplyAdd(e, v, y4));
                e = Vector512.Create(Unsafe.Add(ref r5, Lanes * q));
                (x5, y5) = (Vector512.FusedMultiplyAdd(e, u, x5), Vector512.FusedMultiplyAdd(e, v, y5));
                e = Vector512.Create(Unsafe.Add(ref r6, Lanes * q));
                (x6, y6) = (Vector512.FusedMultiplyAdd(e, u, x6), Vector512.FusedMultiplyAdd(e, v, y6));
                e = Vector512.Create(Unsafe.Add(ref r7, Lanes * q));
                (x7, y7) = (Vector512.FusedMultiplyAdd(e, u, x7), Vector512.FusedMultiplyAdd(e, v, y7));
            }
            Put(ref p, ref t, lane, 0, x0); Put(ref p, ref t, lane, 8, y0);
            Put(ref p, ref t, lane, 16, x1); Put(ref p, ref t, lane, 24, y1);
            Put(ref p, ref t, lane, 32, x2); Put(ref p, ref t, lane, 40, y2);
            Put(ref p, ref t, lane, 48, x3); Put(ref p, ref t, lane, 56, y3);
            Put(ref p, ref t, lane, 64, x4); Put(ref p, ref t, lane, 72, y4);
            Put(ref p, ref t, lane, 80, x5); Put(ref p, ref t, lane, 88, y5);
            Put(ref p, ref t, lane, 96, x6); Put(ref p, ref t, lane, 104, y6);
            Put(ref p, ref t, lane, 112, x7); Put(ref p, ref t, lane, 120, y7);
        }
    }

    /// <summary>Takes over a lane's sums: (0 + 1) + (2 + 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(ref double partial, ref double tile, int lane, nuint at, Vector512<double> sum)
    {
        if (lane % 2 == 0) sum.StoreUnsafe(ref partial, at);
        else
        {
            sum = Vector512.LoadUnsafe(ref partial, at) + sum;
            (lane == 1 ? sum : Vector512.LoadUnsafe(ref tile, at) + sum).StoreUnsafe(ref tile, at);
        }
    }
}
