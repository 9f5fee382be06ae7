using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Fitting;

/// <summary>The inner loops of <see cref="WideProduct"/>.</summary>
internal static class WideTile
{
    private const int Lanes = 4;

    /// <summary>How many vectors a tile is wide: a struct, so that each width is compiled by itself and what it lacks costs nothing.</summary>
    public interface IWidth;

    /// <summary>16 sums of a lane at a time.</summary>
    public readonly struct Two : IWidth;

    /// <summary>24 sums of a lane at a time.</summary>
    public readonly struct Three : IWidth;

    /// <summary>Eight rows against two or three vectors.</summary>
    /// <typeparam name="TWidth"><see cref="Two"/> or <see cref="Three"/>.</typeparam>
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
    public static void Sum<TWidth>(double[] a, nint first, Span<nint> steps, double[] packed, nint at, Span<double> partial, Span<double> tile, int length)
        where TWidth : struct, IWidth
    {
        bool three = typeof(TWidth) == typeof(Three);
        nint quarter = length / Lanes, width = three ? 24 : 16;
        ref double p = ref MemoryMarshal.GetReference(partial), t = ref MemoryMarshal.GetReference(tile);
        for (int lane = 0; lane < Lanes; lane++)
        {
            ref double r0 = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(a), first + lane);
            ref double b = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(packed), at + (lane * quarter * width));
            ref double r1 = ref Unsafe.Add(ref r0, steps[1]), r2 = ref Unsafe.Add(ref r0, steps[2]), r3 = ref Unsafe.Add(ref r0, steps[3]), r4 = ref Unsafe.Add(ref r0, steps[4]);
            ref double r5 = ref Unsafe.Add(ref r0, steps[5]), r6 = ref Unsafe.Add(ref r0, steps[6]), r7 = ref Unsafe.Add(ref r0, steps[7]);
            Vector512<double> x0 = default, x1 = default, x2 = default, x3 = default, x4 = default, x5 = default, x6 = default, x7 = default;
            Vector512<double> y0 = default, y1 = default, y2 = default, y3 = default, y4 = default, y5 = default, y6 = default, y7 = default;
            Vector512<double> z0 = default, z1 = default, z2 = default, z3 = default, z4 = default, z5 = default, z6 = default, z7 = default;
            for (nint q = 0; q < quarter; q++)
            {
                Vector512<double> u = Vector512.LoadUnsafe(ref b), v = Vector512.LoadUnsafe(ref b, 8), w = three ? Vector512.LoadUnsafe(ref b, 16) : default;
                b = ref Unsafe.Add(ref b, width);
                var e = Vector512.Create(Unsafe.Add(ref r0, Lanes * q));
                (x0, y0) = (Vector512.FusedMultiplyAdd(e, u, x0), Vector512.FusedMultiplyAdd(e, v, y0));
                if (three) z0 = Vector512.FusedMultiplyAdd(e, w, z0);
                e = Vector512.Create(Unsafe.Add(ref r1, Lanes * q));
                (x1, y1) = (Vector512.FusedMultiplyAdd(e, u, x1), Vector512.FusedMultiplyAdd(e, v, y1));
                if (three) z1 = Vector512.FusedMultiplyAdd(e, w, z1);
                e = Vector512.Create(Unsafe.Add(ref r2, Lanes * q));
                (x2, y2) = (Vector512.FusedMultiplyAdd(e, u, x2), Vector512.FusedMultiplyAdd(e, v, y2));
                if (three) z2 = Vector512.FusedMultiplyAdd(e, w, z2);
                e = Vector512.Create(Unsafe.Add(ref r3, Lanes * q));
                (x3, y3) = (Vector512.FusedMultiplyAdd(e, u, x3), Vector512.FusedMultiplyAdd(e, v, y3));
                if (three) z3 = Vector512.FusedMultiplyAdd(e, w, z3);
                e = Vector512.Create(Unsafe.Add(ref r4, Lanes * q));
                (x4, y4) = (Vector512.FusedMultiplyAdd(e, u, x4), Vector512.FusedMultiplyAdd(e, v, y4));
                if (three) z4 = Vector512.FusedMultiplyAdd(e, w, z4);
                e = Vector512.Create(Unsafe.Add(ref r5, Lanes * q));
                (x5, y5) = (Vector512.FusedMultiplyAdd(e, u, x5), Vector512.FusedMultiplyAdd(e, v, y5));
                if (three) z5 = Vector512.FusedMultiplyAdd(e, w, z5);
                e = Vector512.Create(Unsafe.Add(ref r6, Lanes * q));
                (x6, y6) = (Vector512.FusedMultiplyAdd(e, u, x6), Vector512.FusedMultiplyAdd(e, v, y6));
                if (three) z6 = Vector512.FusedMultiplyAdd(e, w, z6);
                e = Vector512.Create(Unsafe.Add(ref r7, Lanes * q));
                (x7, y7) = (Vector512.FusedMultiplyAdd(e, u, x7), Vector512.FusedMultiplyAdd(e, v, y7));
                if (three) z7 = Vector512.FusedMultiplyAdd(e, w, z7);
            }
            Put(ref p, ref t, lane, 0 * width, x0, y0, z0, three);
            Put(ref p, ref t, lane, 1 * width, x1, y1, z1, three);
            Put(ref p, ref t, lane, 2 * width, x2, y2, z2, three);
            Put(ref p, ref t, lane, 3 * width, x3, y3, z3, three);
            Put(ref p, ref t, lane, 4 * width, x4, y4, z4, three);
            Put(ref p, ref t, lane, 5 * width, x5, y5, z5, three);
            Put(ref p, ref t, lane, 6 * width, x6, y6, z6, three);
            Put(ref p, ref t, lane, 7 * width, x7, y7, z7, three);
        }
    }

    /// <summary>Takes over a lane's sums of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(ref double partial, ref double tile, int lane, nint at, Vector512<double> x, Vector512<double> y, Vector512<double> z, bool three)
    {
        Put(ref partial, ref tile, lane, (nuint)at, x);
        Put(ref partial, ref tile, lane, (nuint)at + 8, y);
        if (three) Put(ref partial, ref tile, lane, (nuint)at + 16, z);
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
