using ILGPU;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

internal sealed partial class MatMul
{
    /// <summary>Rows and columns of a group's tile; four warps share it, 32 by 32 each.</summary>
    public const int MmaTile = 64, MmaLanes = 128;

    /// <summary>Words (pairs of inputs) in shared memory at a time, and from one row to the next: with 20, 32 lanes meet 32 banks.</summary>
    private const int MmaWords = 16, MmaPitch = 20;

    /// <summary>From one of a lane's sums of a row to the next, of the same column of a fragment.</summary>
    private const int MmaStep = 8;

    /// <summary>Sums of a lane, and from one lane's to the next in shared memory.</summary>
    private const int MmaSums = 32, MmaSumsPitch = 33;

    /// <summary>The kernel where the device has tensor cores, else null.</summary>
    internal static ProductKernel<T>? MmaSyncFor<T>(IlgpuDevice device) where T : struct, IProducts<uint, uint> =>
        device.HasTensorCores ? new(MmaSync<PtxTensorCore, T>, MmaTile, MmaTile, MmaLanes) : null;

    /// <summary>
    /// Tensor cores: <c>mma.sync.m16n8k16</c> of BF16 into F32. Row-major x and w are its A and its column-major B as they lie, so an input
    /// here is a 32-bit word of two, as a lane takes its fragments (PTX ISA, "Matrix Fragments for mma.m16n8k16": lane = 4 group + thread;
    /// A rows group and group + 8, B column group, words thread and thread + 4; C columns 2 thread and 2 thread + 1). An odd number of inputs
    /// goes the tiled way.
    /// </summary>
    public static void MmaSync<TCore, T>(T a) where TCore : struct, ITensorCore where T : struct, IProducts<uint, uint>
    {
        var xs = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var ws = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var sums = SharedMemory.Allocate<float>(MmaLanes * MmaSumsPitch);
        int rowTiles = (a.Count + MmaTile - 1) / MmaTile, items = rowTiles * ((a.Columns + MmaTile - 1) / MmaTile);
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32, group = lane / 4, thread = lane % 4;
        int warpRow = warp / 2 * 32, warpColumn = warp % 2 * 32;
        int firstX = (warpRow + group) * MmaPitch + thread, firstW = (warpColumn + group) * MmaPitch + thread;
        var own = sums.SubView(Group.IdxX * MmaSumsPitch, MmaSums);
        default(TCore).Declare();
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * MmaTile, column = item / rowTiles * MmaTile;
            default(TCore).Clear(own);
            for (int start = 0; start < a.Inputs; start += MmaWords)
            {
                for (int i = Group.IdxX; i < MmaTile * MmaWords; i += MmaLanes)
                {
                    int at = i / MmaWords, word = i % MmaWords;
                    bool inside = start + word < a.Inputs;
                    xs[at * MmaPitch + word] = inside ? a.Row(row + at)[start + word] : 0;
                    ws[at * MmaPitch + word] = inside ? a.Weights(column + at, MmaStep)[start + word] : 0;
                }
                Group.Barrier();
                for (int word = 0; word < MmaWords; word += 8) AddProducts<TCore>(xs, ws, firstX + word, firstW + word, own);
                Group.Barrier();
            }
            default(TCore).Take(own);
            int top = row + warpRow + group, left = column + warpColumn + 2 * thread;
            for (int i = 0; i < MmaSums / 4; i++)
            {
                int at = i / 4 * 16 + i % 4;
                a.Store(top + i / 2 * 8, left + i % 2, MmaStep, new(own[at], own[at + 4], own[at + 8], own[at + 12]));
            }
        }
    }

    /// <summary>32 rows by 32 columns by 16 inputs: fragments of 16 rows, each with four of 8 outputs.</summary>
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
