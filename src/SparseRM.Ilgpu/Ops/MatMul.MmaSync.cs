using ILGPU;
using ILGPU.Runtime.Cuda;

namespace SparseRM.Ilgpu.Ops;

internal sealed partial class MatMul
{
    /// <summary>Rows and outputs of a group's tile; four warps share it, 32 by 32 each.</summary>
    private const int MmaTile = 64, MmaLanes = 128;

    /// <summary>Words (pairs of inputs) in shared memory at a time, and from one row there to the next: with 20, the 32 lanes meet 32 banks.</summary>
    private const int MmaWords = 16, MmaPitch = 20;

    /// <summary>
    /// Tensor cores: <c>mma.sync.m16n8k16</c> of BF16 into F32. Row-major x and w are its A and its column-major B as they lie, so a lane takes its
    /// fragments as 32-bit words (PTX ISA, "Matrix Fragments for mma.m16n8k16": lane = 4 group + thread; A rows group and group + 8, B column group,
    /// words thread and thread + 4; C columns 2 thread and 2 thread + 1). An odd number of inputs has no such words and goes the tiled way.
    /// </summary>
    public static void MmaSync(MatMulArguments<ushort, ushort> a)
    {
        var xs = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var ws = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        int words = a.Inputs / 2, rowTiles = (a.Count + MmaTile - 1) / MmaTile, items = rowTiles * ((a.Outputs + MmaTile - 1) / MmaTile);
        var (x, w) = (a.X.Data.Cast<uint>(), a.W.Data.Cast<uint>());
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32, group = lane / 4, thread = lane % 4;
        int warpRow = warp / 2 * 32, warpOutput = warp % 2 * 32;
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * MmaTile, output = item / rowTiles * MmaTile;
            MmaSums c00 = default, c01 = default, c02 = default, c03 = default, c10 = default, c11 = default, c12 = default, c13 = default;
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
                {
                    var a0 = MmaRows.Load(xs, (warpRow + group) * MmaPitch + word + thread);
                    var a1 = MmaRows.Load(xs, (warpRow + 16 + group) * MmaPitch + word + thread);
                    int at = (warpOutput + group) * MmaPitch + word + thread;
                    c00.Add(a0, ws[at], ws[at + 4]);
                    c10.Add(a1, ws[at], ws[at + 4]);
                    c01.Add(a0, ws[at + 8 * MmaPitch], ws[at + 8 * MmaPitch + 4]);
                    c11.Add(a1, ws[at + 8 * MmaPitch], ws[at + 8 * MmaPitch + 4]);
                    c02.Add(a0, ws[at + 16 * MmaPitch], ws[at + 16 * MmaPitch + 4]);
                    c12.Add(a1, ws[at + 16 * MmaPitch], ws[at + 16 * MmaPitch + 4]);
                    c03.Add(a0, ws[at + 24 * MmaPitch], ws[at + 24 * MmaPitch + 4]);
                    c13.Add(a1, ws[at + 24 * MmaPitch], ws[at + 24 * MmaPitch + 4]);
                }
                Group.Barrier();
            }
            int top = row + warpRow + group, left = output + warpOutput + 2 * thread;
            c00.Store(a, top, left);
            c01.Store(a, top, left + 8);
            c02.Store(a, top, left + 16);
            c03.Store(a, top, left + 24);
            c10.Store(a, top + 16, left);
            c11.Store(a, top + 16, left + 8);
            c12.Store(a, top + 16, left + 16);
            c13.Store(a, top + 16, left + 24);
        }
    }

    /// <summary>A lane's fragment of 16 rows by 16 inputs.</summary>
    private readonly struct MmaRows(uint low, uint lowNext, uint high, uint highNext)
    {
        public readonly uint Low = low, LowNext = lowNext, High = high, HighNext = highNext;

        public static MmaRows Load(ArrayView<uint> words, int at) =>
            new(words[at], words[at + 8 * MmaPitch], words[at + 4], words[at + 8 * MmaPitch + 4]);
    }

    /// <summary>A lane's share of the sums of 16 rows by 8 outputs.</summary>
    private struct MmaSums
    {
        private float _top, _topNext, _bottom, _bottomNext;

        /// <summary>this += x · w, sixteen inputs at once.</summary>
        public void Add(MmaRows x, uint low, uint high)
        {
            Ref<float> c0 = _top, c1 = _topNext, c2 = _bottom, c3 = _bottomNext;
            Input<uint> a0 = x.Low, a1 = x.LowNext, a2 = x.High, a3 = x.HighNext, b0 = low, b1 = high;
            CudaAsm.EmitRef(
                "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};",
                ref c0, ref c1, ref c2, ref c3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1);
            (_top, _topNext, _bottom, _bottomNext) = (c0.Value, c1.Value, c2.Value, c3.Value);
        }

        public readonly void Store(MatMulArguments<ushort, ushort> a, int row, int output)
        {
            a.Store(row, output, _top);
            a.Store(row, output + 1, _topNext);
            a.Store(row + 8, output, _bottom);
            a.Store(row + 8, output + 1, _bottomNext);
        }
    }
}
