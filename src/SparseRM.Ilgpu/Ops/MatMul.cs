using ILGPU;
using ILGPU.Runtime;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Products of rows and a matrix; see <see cref="Backend.MatMul"/>.</summary>
/// <remarks>
/// Every variant sums over the inputs in F32, in an order that the rows do not enter: <c>naive</c>, <c>tiled</c> and <c>register_block</c> in
/// the order of the inputs (the same bits), <c>mma_sync</c> sixteen at a time as the tensor cores do.
/// </remarks>
internal sealed partial class MatMul
{
    private readonly IlgpuDevice _device;

    public MatMul(IlgpuDevice device)
    {
        _device = device;
        var tiled = device.Lanes switch
        {
            < 16 => TiledKernels<Side1>(),
            16 => TiledKernels<Side4>(),
            _ => TiledKernels<Side16>(),
        };
        bool hasTensorCores = device.Accelerator is ILGPU.Runtime.Cuda.CudaAccelerator { Architecture: { } architecture }
            && architecture >= ILGPU.Runtime.Cuda.CudaArchitecture.SM_80;
        Variants = new($"{device.Name}", OpKind.MatMul,
            new("naive", true, new(
                new(Naive<float, Single32, float, Single32>, 1, 1, 0),
                new(Naive<float, Single32, ushort, Bf16>, 1, 1, 0),
                new(Naive<ushort, Bf16, ushort, Bf16>, 1, 1, 0))),
            new("tiled", true, tiled),
            new("register_block", true, new(
                new(RegisterBlock<float, Single32, float, Single32>, 4, 4, 0),
                new(RegisterBlock<float, Single32, ushort, Bf16>, 4, 4, 0),
                new(RegisterBlock<ushort, Bf16, ushort, Bf16>, 4, 4, 0))),
            new("mma_sync", hasTensorCores, tiled with { Bf16 = new(MmaSync<PtxTensorCore>, MmaTile, MmaTile, MmaLanes, ReadsPairs: true) }));
    }

    /// <summary>The table; slowest first as guessed. <c>mma_sync</c> multiplies BF16 by BF16; with F32 operands it is <c>tiled</c>.</summary>
    public VariantTable<MatMulKernels> Variants { get; }

    /// <summary>Enqueues y = x · wᵀ + bias.</summary>
    public void Run(IlgpuOperand x, IlgpuMatrix w, ArrayView<float> bias, Rows<float> y)
    {
        var kernels = Variants.Run;
        switch (x.Compute, w.Storage)
        {
            case (DType.BF16, DType.BF16):
                var kernel = kernels.Bf16.ReadsPairs && w.Inputs % 2 != 0 ? TiledKernels<Side16>().Bf16 : kernels.Bf16;
                Launch(kernel, new(x.Halves, w.Halves, bias, y, x.Count, w.Inputs, w.Outputs));
                break;
            case (DType.F32, DType.BF16):
                Launch(kernels.F32OverBf16, new(x.Singles, w.Halves, bias, y, x.Count, w.Inputs, w.Outputs));
                break;
            default:
                Launch(kernels.F32, new(x.Singles, w.Singles, bias, y, x.Count, w.Inputs, w.Outputs));
                break;
        }
    }

    private void Launch<TX, TW>(MatMulKernel<TX, TW> kernel, MatMulArguments<TX, TW> arguments) where TX : unmanaged where TW : unmanaged
    {
        long tiles = (long)Tiles(arguments.Count, kernel.TileRows) * Tiles(arguments.Outputs, kernel.TileOutputs);
        if (kernel.Lanes == 0) _device.Each(kernel.Run, tiles, arguments);
        else _device.Groups(kernel.Run, tiles, arguments, kernel.Lanes);
    }

    private static int Tiles(int length, int tile) => (length + tile - 1) / tile;

    /// <summary>A lane computes one element.</summary>
    public static void Naive<TX, SX, TW, SW>(MatMulArguments<TX, TW> a)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW>
    {
        long items = (long)a.Count * a.Outputs;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / a.Outputs), output = (int)(item % a.Outputs);
            var (x, w) = (a.X.Row(row, a.Inputs), a.W.Row(output, a.Inputs));
            float sum = 0;
            for (int i = 0; i < a.Inputs; i++) sum += default(SX).Widen(x[i]) * default(SW).Widen(w[i]);
            a.Store(row, output, sum);
        }
    }

    /// <summary>A lane computes 4 rows by 4 outputs: eight loads for sixteen products. At the edges it repeats the last row or output.</summary>
    public static void RegisterBlock<TX, SX, TW, SW>(MatMulArguments<TX, TW> a)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW>
    {
        int rowTiles = Tiles(a.Count, 4);
        long items = (long)rowTiles * Tiles(a.Outputs, 4);
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item % rowTiles) * 4, output = (int)(item / rowTiles) * 4, lastRow = a.Count - 1, last = a.Outputs - 1;
            var (x0, x1) = (a.X.Row(row, a.Inputs), a.X.Row(IntrinsicMath.Min(row + 1, lastRow), a.Inputs));
            var (x2, x3) = (a.X.Row(IntrinsicMath.Min(row + 2, lastRow), a.Inputs), a.X.Row(IntrinsicMath.Min(row + 3, lastRow), a.Inputs));
            var (w0, w1) = (a.W.Row(output, a.Inputs), a.W.Row(IntrinsicMath.Min(output + 1, last), a.Inputs));
            var (w2, w3) = (a.W.Row(IntrinsicMath.Min(output + 2, last), a.Inputs), a.W.Row(IntrinsicMath.Min(output + 3, last), a.Inputs));
            var sums = new Block16();
            for (int i = 0; i < a.Inputs; i++)
            {
                sums.Add(
                    new(default(SX).Widen(x0[i]), default(SX).Widen(x1[i]), default(SX).Widen(x2[i]), default(SX).Widen(x3[i])),
                    new(default(SW).Widen(w0[i]), default(SW).Widen(w1[i]), default(SW).Widen(w2[i]), default(SW).Widen(w3[i])));
            }
            sums.Store(a, row, output, 1);
        }
    }
}
