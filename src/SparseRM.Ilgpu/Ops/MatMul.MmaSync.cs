using ILGPU;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

internal sealed partial class MatMul
{
    /// <summary>Rows and outputs of a group's tile; four warps share it, 32 by 32 each.</summary>
    public const int MmaTile = 64, MmaLanes = 128;

    /// <summary>Words (pairs of inputs) in shared memory at a time, and from one row to the next: with 20, 32 lanes meet 32 banks.</summary>
    private const int MmaWords = 16, MmaPitch = 20;

    /// <summary>Sums of a lane, and from one lane's to the next in shared memory.</summary>
    private const int MmaSums = 32, MmaSumsPitch = 33;

    /// <summary>
    /// Tensor cores: <c>mma.sync.m16n8k16</c> of BF16 into F32. Row-major x and w are its A and its column-major B as they lie, so a lane takes its
    /// fragments as 32-bit words (PTX ISA, "Matrix Fragments for mma.m16n8k16": lane = 4 group + thread; A rows group and group + 8, B column group,
    /// words thread and thread + 4; C columns 2 thread and 2 thread + 1). An odd number of inputs has no such words and goes the tiled way.
    /// </summary>
    public static void MmaSync<TCore>(MatMulArguments<ushort, ushort> a) where TCore : struct, ITensorCore
    {
        var xs = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var ws = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var sums = SharedMemory.Allocate<float>(MmaLanes * MmaSumsPitch);
        int words = a.Inputs / 2, rowTiles = (a.Count + MmaTile - 1) / MmaTile, items = rowTiles * ((a.Outputs + MmaTile - 1) / MmaTile);
        var (x, w) = (a.X.Data.Cast<uint>(), a.W.Data.Cast<uint>());
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32, group = lane / 4, thread = lane % 4;
        int warpRow = warp / 2 * 32, warpOutput = warp % 2 * 32;
        var own = sums.SubView(Group.IdxX * MmaSumsPitch, MmaSums);
        default(TCore).Declare();
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * MmaTile, output = item / rowTiles * MmaTile;
            default(TCore).Clear(own);
            for (int start = 0; start < words; start += MmaWords)
            {
                for (int i = Group.IdxX; i < MmaTile * MmaWords; i += MmaLanes)
                {
                    int at = i / MmaWords, word = i % MmaWords, column = start + word;
                    bool inside = column < words;
                    xs[at * MmaPitch + word] = inside && row + at < a.Count ? x[(long)(row + at) * words + column] : 0;
                    ws[at * MmaPitch + word] = inside && output + at < a.Outputs ? w[(long)(output + at) * words + column] : 0;
                }
                Group.Barrier();
                for (int word = 0; word < MmaWords; word += 8)
                    AddProducts<TCore>(xs, ws, (warpRow + group) * MmaPitch + word + thread, (warpOutput + group) * MmaPitch + word + thread, own);
                Group.Barrier();
            }
            default(TCore).Take(own);
            int top = row + warpRow + group, left = output + warpOutput + 2 * thread;
            for (int i = 0; i < MmaSums; i++) a.Store(top + i / 16 * 16 + i / 2 % 2 * 8, left + i / 4 % 4 * 8 + i % 2, own[i]);
        }
    }

    /// <summary>32 rows by 32 outputs by 16 inputs: fragments of 16 rows, each with four of 8 outputs.</summary>
    private static void AddProducts<TCore>(ArrayView<uint> xs, ArrayView<uint> ws, int x, int w, ArrayView<float> own)
        where TCore : struct, ITensorCore
    {
        var core = default(TCore);
        uint low0 = ws[w], low1 = ws[w + 8 * MmaPitch], low2 = ws[w + 16 * MmaPitch], low3 = ws[w + 24 * MmaPitch];
        uint high0 = ws[w + 4], high1 = ws[w + 8 * MmaPitch + 4], high2 = ws[w + 16 * MmaPitch + 4], high3 = ws[w + 24 * MmaPitch + 4];
        uint a0 = xs[x], a1 = xs[x + 8 * MmaPitch], a2 = xs[x + 4], a3 = xs[x + 8 * MmaPitch + 4];
        core.Multiply(0, a0, a1, a2, a3, low0, high0, own);
        core.Multiply(1, a0, a1, a2, a3, low1, high1, own);
        core.Multiply(2, a0, a1, a2, a3, low2, high2, own);
        core.Multiply(3, a0, a1, a2, a3, low3, high3, own);
        uint b0 = xs[x + 16 * MmaPitch], b1 = xs[x + 24 * MmaPitch], b2 = xs[x + 16 * MmaPitch + 4], b3 = xs[x + 24 * MmaPitch + 4];
        core.Multiply(4, b0, b1, b2, b3, low0, high0, own);
        core.Multiply(5, b0, b1, b2, b3, low1, high1, own);
        core.Multiply(6, b0, b1, b2, b3, low2, high2, own);
        core.Multiply(7, b0, b1, b2, b3, low3, high3, own);
    }
}
