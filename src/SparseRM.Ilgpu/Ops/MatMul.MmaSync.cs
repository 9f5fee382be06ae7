using ILGPU;
using ILGPU.Runtime.Cuda;

namespace SparseRM.Ilgpu.Ops;

internal sealed partial class MatMul
{
    /// <summary>Rows and outputs of a group's tile; four warps share it, 32 by 32 each.</summary>
    private const int MmaTile = 64, MmaLanes = 128;

    /// <summary>Words (pairs of inputs) in shared memory at a time, and from one row there to the next: with 20, the 32 lanes meet 32 banks.</summary>
    private const int MmaWords = 16, MmaPitch = 20;

    /// <summary>Sums of a lane, and from one lane's to the next in shared memory.</summary>
    private const int MmaSums = 32, MmaSumsPitch = 33;

    // Sums lie in PTX registers of our own naming: ILGPU passes a variable that inline PTX changes through local memory.
    private const string MmaDeclare = ".reg .f32 srm_sum<32>;", Mma = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 ", MmaInputs = ", {%0, %1, %2, %3}, {%4, %5}, ";
    private const string C0 = "{srm_sum0, srm_sum1, srm_sum2, srm_sum3}", C1 = "{srm_sum4, srm_sum5, srm_sum6, srm_sum7}";
    private const string C2 = "{srm_sum8, srm_sum9, srm_sum10, srm_sum11}", C3 = "{srm_sum12, srm_sum13, srm_sum14, srm_sum15}";
    private const string C4 = "{srm_sum16, srm_sum17, srm_sum18, srm_sum19}", C5 = "{srm_sum20, srm_sum21, srm_sum22, srm_sum23}";
    private const string C6 = "{srm_sum24, srm_sum25, srm_sum26, srm_sum27}", C7 = "{srm_sum28, srm_sum29, srm_sum30, srm_sum31}";

    /// <summary>
    /// Tensor cores: <c>mma.sync.m16n8k16</c> of BF16 into F32. Row-major x and w are its A and its column-major B as they lie, so a lane takes its
    /// fragments as 32-bit words (PTX ISA, "Matrix Fragments for mma.m16n8k16": lane = 4 group + thread; A rows group and group + 8, B column group,
    /// words thread and thread + 4; C columns 2 thread and 2 thread + 1). An odd number of inputs has no such words and goes the tiled way.
    /// </summary>
    public static void MmaSync(MatMulArguments<ushort, ushort> a)
    {
        var xs = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var ws = SharedMemory.Allocate<uint>(MmaTile * MmaPitch);
        var sums = SharedMemory.Allocate<float>(MmaLanes * MmaSumsPitch);
        int words = a.Inputs / 2, rowTiles = (a.Count + MmaTile - 1) / MmaTile, items = rowTiles * ((a.Outputs + MmaTile - 1) / MmaTile);
        var (x, w) = (a.X.Data.Cast<uint>(), a.W.Data.Cast<uint>());
        int lane = Group.IdxX % 32, warp = Group.IdxX / 32, group = lane / 4, thread = lane % 4;
        int warpRow = warp / 2 * 32, warpOutput = warp % 2 * 32;
        CudaAsm.Emit(MmaDeclare);
        for (int item = Grid.IdxX; item < items; item += Grid.DimX)
        {
            int row = item % rowTiles * MmaTile, output = item / rowTiles * MmaTile;
            ClearSums();
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
                    AddProducts(xs, ws, (warpRow + group) * MmaPitch + word + thread, (warpOutput + group) * MmaPitch + word + thread);
                Group.Barrier();
            }
            var own = sums.SubView(Group.IdxX * MmaSumsPitch, MmaSums);
            TakeSums(own);
            int top = row + warpRow + group, left = output + warpOutput + 2 * thread;
            for (int i = 0; i < MmaSums; i++) a.Store(top + i / 16 * 16 + i / 2 % 2 * 8, left + i / 4 % 4 * 8 + i % 2, own[i]);
        }
    }

    /// <summary>32 rows by 32 outputs by 16 inputs: fragments of 16 rows, each with four of 8 outputs.</summary>
    private static void AddProducts(ArrayView<uint> xs, ArrayView<uint> ws, int x, int w)
    {
        uint a0 = xs[x], a1 = xs[x + 8 * MmaPitch], a2 = xs[x + 4], a3 = xs[x + 8 * MmaPitch + 4];
        uint low0 = ws[w], low1 = ws[w + 8 * MmaPitch], low2 = ws[w + 16 * MmaPitch], low3 = ws[w + 24 * MmaPitch];
        uint high0 = ws[w + 4], high1 = ws[w + 8 * MmaPitch + 4], high2 = ws[w + 16 * MmaPitch + 4], high3 = ws[w + 24 * MmaPitch + 4];
        CudaAsm.Emit(Mma + C0 + MmaInputs + C0 + ";", a0, a1, a2, a3, low0, high0);
        CudaAsm.Emit(Mma + C1 + MmaInputs + C1 + ";", a0, a1, a2, a3, low1, high1);
        CudaAsm.Emit(Mma + C2 + MmaInputs + C2 + ";", a0, a1, a2, a3, low2, high2);
        CudaAsm.Emit(Mma + C3 + MmaInputs + C3 + ";", a0, a1, a2, a3, low3, high3);
        uint b0 = xs[x + 16 * MmaPitch], b1 = xs[x + 24 * MmaPitch], b2 = xs[x + 16 * MmaPitch + 4], b3 = xs[x + 24 * MmaPitch + 4];
        CudaAsm.Emit(Mma + C4 + MmaInputs + C4 + ";", b0, b1, b2, b3, low0, high0);
        CudaAsm.Emit(Mma + C5 + MmaInputs + C5 + ";", b0, b1, b2, b3, low1, high1);
        CudaAsm.Emit(Mma + C6 + MmaInputs + C6 + ";", b0, b1, b2, b3, low2, high2);
        CudaAsm.Emit(Mma + C7 + MmaInputs + C7 + ";", b0, b1, b2, b3, low3, high3);
    }

    private static void ClearSums()
    {
        CudaAsm.Emit("mov.f32 srm_sum0, 0f00000000; mov.f32 srm_sum1, 0f00000000; mov.f32 srm_sum2, 0f00000000; mov.f32 srm_sum3, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum4, 0f00000000; mov.f32 srm_sum5, 0f00000000; mov.f32 srm_sum6, 0f00000000; mov.f32 srm_sum7, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum8, 0f00000000; mov.f32 srm_sum9, 0f00000000; mov.f32 srm_sum10, 0f00000000; mov.f32 srm_sum11, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum12, 0f00000000; mov.f32 srm_sum13, 0f00000000; mov.f32 srm_sum14, 0f00000000; mov.f32 srm_sum15, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum16, 0f00000000; mov.f32 srm_sum17, 0f00000000; mov.f32 srm_sum18, 0f00000000; mov.f32 srm_sum19, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum20, 0f00000000; mov.f32 srm_sum21, 0f00000000; mov.f32 srm_sum22, 0f00000000; mov.f32 srm_sum23, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum24, 0f00000000; mov.f32 srm_sum25, 0f00000000; mov.f32 srm_sum26, 0f00000000; mov.f32 srm_sum27, 0f00000000;");
        CudaAsm.Emit("mov.f32 srm_sum28, 0f00000000; mov.f32 srm_sum29, 0f00000000; mov.f32 srm_sum30, 0f00000000; mov.f32 srm_sum31, 0f00000000;");
    }

    /// <summary>Copies the sums to where C# can index them.</summary>
    private static void TakeSums(ArrayView<float> own)
    {
        CudaAsm.Emit("mov.f32 %0, srm_sum0;", out own[0]);
        CudaAsm.Emit("mov.f32 %0, srm_sum1;", out own[1]);
        CudaAsm.Emit("mov.f32 %0, srm_sum2;", out own[2]);
        CudaAsm.Emit("mov.f32 %0, srm_sum3;", out own[3]);
        CudaAsm.Emit("mov.f32 %0, srm_sum4;", out own[4]);
        CudaAsm.Emit("mov.f32 %0, srm_sum5;", out own[5]);
        CudaAsm.Emit("mov.f32 %0, srm_sum6;", out own[6]);
        CudaAsm.Emit("mov.f32 %0, srm_sum7;", out own[7]);
        CudaAsm.Emit("mov.f32 %0, srm_sum8;", out own[8]);
        CudaAsm.Emit("mov.f32 %0, srm_sum9;", out own[9]);
        CudaAsm.Emit("mov.f32 %0, srm_sum10;", out own[10]);
        CudaAsm.Emit("mov.f32 %0, srm_sum11;", out own[11]);
        CudaAsm.Emit("mov.f32 %0, srm_sum12;", out own[12]);
        CudaAsm.Emit("mov.f32 %0, srm_sum13;", out own[13]);
        CudaAsm.Emit("mov.f32 %0, srm_sum14;", out own[14]);
        CudaAsm.Emit("mov.f32 %0, srm_sum15;", out own[15]);
        CudaAsm.Emit("mov.f32 %0, srm_sum16;", out own[16]);
        CudaAsm.Emit("mov.f32 %0, srm_sum17;", out own[17]);
        CudaAsm.Emit("mov.f32 %0, srm_sum18;", out own[18]);
        CudaAsm.Emit("mov.f32 %0, srm_sum19;", out own[19]);
        CudaAsm.Emit("mov.f32 %0, srm_sum20;", out own[20]);
        CudaAsm.Emit("mov.f32 %0, srm_sum21;", out own[21]);
        CudaAsm.Emit("mov.f32 %0, srm_sum22;", out own[22]);
        CudaAsm.Emit("mov.f32 %0, srm_sum23;", out own[23]);
        CudaAsm.Emit("mov.f32 %0, srm_sum24;", out own[24]);
        CudaAsm.Emit("mov.f32 %0, srm_sum25;", out own[25]);
        CudaAsm.Emit("mov.f32 %0, srm_sum26;", out own[26]);
        CudaAsm.Emit("mov.f32 %0, srm_sum27;", out own[27]);
        CudaAsm.Emit("mov.f32 %0, srm_sum28;", out own[28]);
        CudaAsm.Emit("mov.f32 %0, srm_sum29;", out own[29]);
        CudaAsm.Emit("mov.f32 %0, srm_sum30;", out own[30]);
        CudaAsm.Emit("mov.f32 %0, srm_sum31;", out own[31]);
    }
}
