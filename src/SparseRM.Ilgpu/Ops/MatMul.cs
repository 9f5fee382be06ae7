using ILGPU;
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
        var tiled = new Kernels(
            TiledFor<float, Single32, float, Single32, MatMulArguments<float, float>>(device),
            TiledFor<float, Single32, ushort, Bf16, MatMulArguments<float, ushort>>(device),
            TiledFor<ushort, Bf16, ushort, Bf16, MatMulArguments<ushort, ushort>>(device));
        Variants = new($"{device.Name}", OpKind.MatMul,
            new("naive", true, new(
                new(Naive<float, Single32, float, Single32>, 1, 1, 0),
                new(Naive<float, Single32, ushort, Bf16>, 1, 1, 0),
                new(Naive<ushort, Bf16, ushort, Bf16>, 1, 1, 0))),
            new("tiled", true, tiled),
            new("register_block", true, new(
                RegisterBlockOf<float, Single32, float, Single32, MatMulArguments<float, float>>(),
                RegisterBlockOf<float, Single32, ushort, Bf16, MatMulArguments<float, ushort>>(),
                RegisterBlockOf<ushort, Bf16, ushort, Bf16, MatMulArguments<ushort, ushort>>())),
            new("mma_sync", device.HasTensorCores, tiled with { Pairs = MmaSyncFor<MatMulArguments<uint, uint>>(device) }));
    }

    /// <summary>A variant: a kernel for the types of operand and matrix that there are, and perhaps one for pairs of BF16 inputs.</summary>
    internal sealed record Kernels(
        ProductKernel<MatMulArguments<float, float>> F32, ProductKernel<MatMulArguments<float, ushort>> F32OverBf16,
        ProductKernel<MatMulArguments<ushort, ushort>> Bf16, ProductKernel<MatMulArguments<uint, uint>>? Pairs = null);

    /// <summary>The table; slowest first as guessed. <c>mma_sync</c> multiplies BF16 by BF16; with F32 operands it is <c>tiled</c>.</summary>
    public VariantTable<Kernels> Variants { get; }

    /// <summary>Whether the selected variant multiplies such operands by pairs of BF16.</summary>
    private bool TakesPairs(DType compute, int inputs) => Variants.Run.Pairs is not null && compute == DType.BF16 && inputs % 2 == 0;

    /// <summary>The variant that computed last: what <c>mma_sync</c> does not take is <c>tiled</c>.</summary>
    public string Computed { get; private set; } = "";

    /// <summary>Enqueues y = x · wᵀ + bias.</summary>
    public void Run(IlgpuOperand x, IlgpuMatrix w, ArrayView<float> bias, Rows<float> y)
    {
        var (kernels, rows, inputs, outputs) = (Variants.Run, x.Count, w.Inputs, w.Outputs);
        Computed = kernels.Pairs is null || TakesPairs(x.Compute, inputs) ? Variants.Selected : "tiled";
        if ((x.Compute, w.Storage) == (DType.F32, DType.F32))
            kernels.F32.Launch(_device, new(x.Singles, w.Singles, bias, y, rows, inputs, outputs));
        else if (x.Compute == DType.F32)
            kernels.F32OverBf16.Launch(_device, new(x.Singles, w.Halves, bias, y, rows, inputs, outputs));
        else if (TakesPairs(x.Compute, inputs))
            kernels.Pairs!.Launch(_device, new(x.Halves.Pairs(), w.Halves.Pairs(), bias, y, rows, inputs / 2, outputs));
        else
            kernels.Bf16.Launch(_device, new(x.Halves, w.Halves, bias, y, rows, inputs, outputs));
    }

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

    /// <summary>The kernel whose lanes work alone.</summary>
    internal static ProductKernel<T> RegisterBlockOf<TX, SX, TW, SW, T>()
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW>
        where T : struct, IProducts<TX, TW> =>
        new(RegisterBlock<TX, SX, TW, SW, T>, 4, 4, 0);

    /// <summary>A lane computes 4 rows by 4 columns of sums: eight loads for sixteen products.</summary>
    public static void RegisterBlock<TX, SX, TW, SW, T>(T a)
        where TX : unmanaged where SX : struct, IElement<TX> where TW : unmanaged where SW : struct, IElement<TW>
        where T : struct, IProducts<TX, TW>
    {
        int rowTiles = (a.Count + 3) / 4;
        long items = (long)rowTiles * ((a.Columns + 3) / 4);
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item % rowTiles) * 4, column = (int)(item / rowTiles) * 4;
            var (x0, x1, x2, x3) = (a.Row(row), a.Row(row + 1), a.Row(row + 2), a.Row(row + 3));
            var (w0, w1, w2, w3) = (a.Weights(column, 1), a.Weights(column + 1, 1), a.Weights(column + 2, 1), a.Weights(column + 3, 1));
            var sums = new Block16();
            for (int i = 0; i < a.Inputs; i++)
            {
                sums.Add(
                    new(default(SX).Widen(x0[i]), default(SX).Widen(x1[i]), default(SX).Widen(x2[i]), default(SX).Widen(x3[i])),
                    new(default(SW).Widen(w0[i]), default(SW).Widen(w1[i]), default(SW).Widen(w2[i]), default(SW).Widen(w3[i])));
            }
            sums.Store(a, row, column, 1);
        }
    }
}
