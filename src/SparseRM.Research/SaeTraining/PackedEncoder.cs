using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace SparseRM.Research.SaeTraining;

/// <summary>The encoder's product, the one dense product of training: p = x · W_encᵀ + b_enc in float32, W_enc repacked in panels of latents.</summary>
/// <remarks>Each p is summed by one thread over d_in in order, fused: the bits depend neither on the vector width, nor on the row's place, nor on threads.</remarks>
internal sealed class PackedEncoder
{
    /// <summary>Latents of a panel.</summary>
    public const int Panel = 32;

    /// <summary>The number of rows of a product is a multiple of this.</summary>
    public const int RowGroup = 8;

    // A block of a panel, 32 KiB, stays in the nearest cache while all rows go by.
    private const int DepthBlock = 256;

    private readonly float[] _panels, _bias;

    /// <summary>Room for an encoder; nothing is packed yet.</summary>
    /// <param name="width">Latents; those with which the last panel is filled up have p of minus infinity.</param>
    /// <param name="depth">d_in, padded.</param>
    public PackedEncoder(int width, int depth)
    {
        (Depth, Panels) = (depth, (width + Panel - 1) / Panel);
        _panels = new float[(long)PaddedWidth * depth];
        _bias = new float[PaddedWidth];
        Array.Fill(_bias, float.NegativeInfinity);
    }

    /// <summary>Floats of a row of x.</summary>
    public int Depth { get; }

    /// <summary>Panels.</summary>
    public int Panels { get; }

    /// <summary>Floats of a row of p.</summary>
    public int PaddedWidth => Panels * Panel;

    /// <summary>Takes over one panel's rows of W_enc [width, depth] and of b_enc [width].</summary>
    public void Pack(int panel, ReadOnlySpan<float> wEnc, ReadOnlySpan<float> bEnc)
    {
        int first = panel * Panel, count = Math.Min(Panel, bEnc.Length - first), depth = Depth;
        var target = _panels.AsSpan(first * depth, Panel * depth);
        for (int j = 0; j < count; j++)
        {
            var row = wEnc.Slice((first + j) * depth, depth);
            for (int k = 0; k < depth; k++) target[(k * Panel) + j] = row[k];
        }
        bEnc.Slice(first, count).CopyTo(_bias.AsSpan(first));
    }

    /// <summary>p of some rows.</summary>
    /// <param name="x">[rows, depth].</param>
    /// <param name="rows">A multiple of <see cref="RowGroup"/>.</param>
    /// <param name="p">[rows, padded width].</param>
    public void Multiply(ReadOnlySpan<float> x, int rows, Span<float> p)
    {
        if (rows % RowGroup != 0 || x.Length < rows * Depth || p.Length < rows * PaddedWidth) throw new ArgumentException($"{rows} rows of {x.Length} values into {p.Length}");
        ref float from = ref MemoryMarshal.GetReference(x), to = ref MemoryMarshal.GetReference(p);
        ref float panels = ref MemoryMarshal.GetArrayDataReference(_panels), bias = ref MemoryMarshal.GetArrayDataReference(_bias);
        for (int panel = 0; panel < Panels; panel++)
        {
            ref float start = ref Unsafe.Add(ref bias, panel * Panel);
            for (int k = 0; k < Depth; k += DepthBlock)
            {
                int length = Math.Min(DepthBlock, Depth - k);
                ref float block = ref Unsafe.Add(ref panels, ((nint)panel * Depth + k) * Panel);
                for (int row = 0; row < rows; row += RowGroup)
                {
                    ref float xRow = ref Unsafe.Add(ref from, ((nint)row * Depth) + k);
                    ref float pRow = ref Unsafe.Add(ref to, ((nint)row * PaddedWidth) + (panel * Panel));
                    if (Vector512.IsHardwareAccelerated) Block512(ref xRow, ref block, ref pRow, ref start, length, k == 0);
                    else
                        for (int pair = 0; pair < RowGroup; pair += 2)
                            Block256(ref Unsafe.Add(ref xRow, pair * Depth), ref block, ref Unsafe.Add(ref pRow, pair * PaddedWidth), ref start, length, k == 0);
                }
            }
        }
    }

    /// <summary>Eight rows against the 32 latents of a panel: sixteen sums, enough to hide the latency of the multiply-add.</summary>
    private void Block512(ref float x, ref float panel, ref float p, ref float bias, int length, bool first)
    {
        nuint depth = (nuint)Depth, width = (nuint)PaddedWidth;
        ref float x1 = ref Unsafe.Add(ref x, depth), x2 = ref Unsafe.Add(ref x, 2 * depth), x3 = ref Unsafe.Add(ref x, 3 * depth), x4 = ref Unsafe.Add(ref x, 4 * depth);
        ref float x5 = ref Unsafe.Add(ref x, 5 * depth), x6 = ref Unsafe.Add(ref x, 6 * depth), x7 = ref Unsafe.Add(ref x, 7 * depth);
        Vector512<float> a0, b0, a1, b1, a2, b2, a3, b3, a4, b4, a5, b5, a6, b6, a7, b7;
        if (first)
        {
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = Vector512.LoadUnsafe(ref bias);
            b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = Vector512.LoadUnsafe(ref bias, 16);
        }
        else
        {
            (a0, b0) = (Vector512.LoadUnsafe(ref p), Vector512.LoadUnsafe(ref p, 16));
            (a1, b1) = (Vector512.LoadUnsafe(ref p, width), Vector512.LoadUnsafe(ref p, width + 16));
            (a2, b2) = (Vector512.LoadUnsafe(ref p, 2 * width), Vector512.LoadUnsafe(ref p, (2 * width) + 16));
            (a3, b3) = (Vector512.LoadUnsafe(ref p, 3 * width), Vector512.LoadUnsafe(ref p, (3 * width) + 16));
            (a4, b4) = (Vector512.LoadUnsafe(ref p, 4 * width), Vector512.LoadUnsafe(ref p, (4 * width) + 16));
            (a5, b5) = (Vector512.LoadUnsafe(ref p, 5 * width), Vector512.LoadUnsafe(ref p, (5 * width) + 16));
            (a6, b6) = (Vector512.LoadUnsafe(ref p, 6 * width), Vector512.LoadUnsafe(ref p, (6 * width) + 16));
            (a7, b7) = (Vector512.LoadUnsafe(ref p, 7 * width), Vector512.LoadUnsafe(ref p, (7 * width) + 16));
        }
        for (nuint k = 0; k < (nuint)length; k++)
        {
            var left = Vector512.LoadUnsafe(ref panel, k * Panel);
            var right = Vector512.LoadUnsafe(ref panel, (k * Panel) + 16);
            var v = Vector512.Create(Unsafe.Add(ref x, k));
            a0 = Vector512.FusedMultiplyAdd(v, left, a0);
            b0 = Vector512.FusedMultiplyAdd(v, right, b0);
            v = Vector512.Create(Unsafe.Add(ref x1, k));
            a1 = Vector512.FusedMultiplyAdd(v, left, a1);
            b1 = Vector512.FusedMultiplyAdd(v, right, b1);
            v = Vector512.Create(Unsafe.Add(ref x2, k));
            a2 = Vector512.FusedMultiplyAdd(v, left, a2);
            b2 = Vector512.FusedMultiplyAdd(v, right, b2);
            v = Vector512.Create(Unsafe.Add(ref x3, k));
            a3 = Vector512.FusedMultiplyAdd(v, left, a3);
            b3 = Vector512.FusedMultiplyAdd(v, right, b3);
            v = Vector512.Create(Unsafe.Add(ref x4, k));
            a4 = Vector512.FusedMultiplyAdd(v, left, a4);
            b4 = Vector512.FusedMultiplyAdd(v, right, b4);
            v = Vector512.Create(Unsafe.Add(ref x5, k));
            a5 = Vector512.FusedMultiplyAdd(v, left, a5);
            b5 = Vector512.FusedMultiplyAdd(v, right, b5);
            v = Vector512.Create(Unsafe.Add(ref x6, k));
            a6 = Vector512.FusedMultiplyAdd(v, left, a6);
            b6 = Vector512.FusedMultiplyAdd(v, right, b6);
            v = Vector512.Create(Unsafe.Add(ref x7, k));
            a7 = Vector512.FusedMultiplyAdd(v, left, a7);
            b7 = Vector512.FusedMultiplyAdd(v, right, b7);
        }
        Put(a0, b0, ref p, 0);
        Put(a1, b1, ref p, width);
        Put(a2, b2, ref p, 2 * width);
        Put(a3, b3, ref p, 3 * width);
        Put(a4, b4, ref p, 4 * width);
        Put(a5, b5, ref p, 5 * width);
        Put(a6, b6, ref p, 6 * width);
        Put(a7, b7, ref p, 7 * width);
    }

    /// <summary>Two rows against the 32 latents of a panel, for processors with sixteen vectors of eight floats.</summary>
    private void Block256(ref float x, ref float panel, ref float p, ref float bias, int length, bool first)
    {
        ref float other = ref Unsafe.Add(ref x, Depth), q = ref Unsafe.Add(ref p, PaddedWidth);
        ref float startP = ref first ? ref bias : ref p, startQ = ref first ? ref bias : ref q;
        Vector256<float> a0 = Vector256.LoadUnsafe(ref startP), a1 = Vector256.LoadUnsafe(ref startP, 8), a2 = Vector256.LoadUnsafe(ref startP, 16), a3 = Vector256.LoadUnsafe(ref startP, 24);
        Vector256<float> b0 = Vector256.LoadUnsafe(ref startQ), b1 = Vector256.LoadUnsafe(ref startQ, 8), b2 = Vector256.LoadUnsafe(ref startQ, 16), b3 = Vector256.LoadUnsafe(ref startQ, 24);
        for (nuint k = 0; k < (nuint)length; k++)
        {
            Vector256<float> u = Vector256.Create(Unsafe.Add(ref x, k)), v = Vector256.Create(Unsafe.Add(ref other, k));
            var w = Vector256.LoadUnsafe(ref panel, k * Panel);
            (a0, b0) = (Vector256.FusedMultiplyAdd(u, w, a0), Vector256.FusedMultiplyAdd(v, w, b0));
            w = Vector256.LoadUnsafe(ref panel, (k * Panel) + 8);
            (a1, b1) = (Vector256.FusedMultiplyAdd(u, w, a1), Vector256.FusedMultiplyAdd(v, w, b1));
            w = Vector256.LoadUnsafe(ref panel, (k * Panel) + 16);
            (a2, b2) = (Vector256.FusedMultiplyAdd(u, w, a2), Vector256.FusedMultiplyAdd(v, w, b2));
            w = Vector256.LoadUnsafe(ref panel, (k * Panel) + 24);
            (a3, b3) = (Vector256.FusedMultiplyAdd(u, w, a3), Vector256.FusedMultiplyAdd(v, w, b3));
        }
        a0.StoreUnsafe(ref p);
        a1.StoreUnsafe(ref p, 8);
        a2.StoreUnsafe(ref p, 16);
        a3.StoreUnsafe(ref p, 24);
        b0.StoreUnsafe(ref q);
        b1.StoreUnsafe(ref q, 8);
        b2.StoreUnsafe(ref q, 16);
        b3.StoreUnsafe(ref q, 24);
    }

    private static void Put(Vector512<float> left, Vector512<float> right, ref float p, nuint at)
    {
        left.StoreUnsafe(ref p, at);
        right.StoreUnsafe(ref p, at + 16);
    }
}
