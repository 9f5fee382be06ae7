using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>Ops in which a lane computes one element: <see cref="Backend.Add"/>, Pack, the widening of embedding rows.</summary>
internal sealed class Elementwise(IlgpuDevice device)
{
    private const string LanePerElement = "lane_per_element";

    /// <summary>Two tensors of one shape.</summary>
    internal readonly struct PairArguments<TX, TY>(Rows<TX> x, Rows<TY> y, int count, int columns, float scale)
        where TX : unmanaged where TY : unmanaged
    {
        public readonly Rows<TX> X = x;
        public readonly Rows<TY> Y = y;
        public readonly int Count = count, Columns = columns;
        public readonly float Scale = scale;
    }

    /// <summary>Three tensors of one shape.</summary>
    internal readonly struct AddArguments(Rows<float> a, Rows<float> b, Rows<float> y, int count, int columns)
    {
        public readonly Rows<float> A = a, B = b, Y = y;
        public readonly int Count = count, Columns = columns;
    }

    /// <summary>Pack for each type of operand.</summary>
    internal sealed record PackKernels(Action<PairArguments<float, float>> F32, Action<PairArguments<float, ushort>> Bf16);

    /// <summary>The widening for each type of table.</summary>
    internal sealed record EmbedKernels(Action<PairArguments<float, float>> F32, Action<PairArguments<ushort, float>> Bf16);

    public VariantTable<Action<AddArguments>> Add { get; } = VariantTable.One<Action<AddArguments>>(device, OpKind.Add, LanePerElement, AddEach);

    public VariantTable<PackKernels> Pack { get; } = VariantTable.One(device, OpKind.Pack, LanePerElement,
        new PackKernels(ConvertEach<float, Single32, float, Single32>, ConvertEach<float, Single32, ushort, Bf16>));

    public VariantTable<EmbedKernels> Embed { get; } = VariantTable.One(device, OpKind.Embed, LanePerElement,
        new EmbedKernels(ConvertEach<float, Single32, float, Single32>, ConvertEach<ushort, Bf16, float, Single32>));

    /// <summary>Enqueues y = a + b.</summary>
    public void RunAdd(AddArguments a) => device.Each(Add.Run, (long)a.Count * a.Columns, a);

    /// <summary>Enqueues y = x, rounded to the operand's type.</summary>
    public void RunPack(Rows<float> x, IlgpuOperand y)
    {
        if (y.Compute == DType.BF16) Run(Pack.Run.Bf16, new(x, y.Halves, y.Count, y.Columns, 1));
        else Run(Pack.Run.F32, new(x, y.Singles, y.Count, y.Columns, 1));
    }

    /// <summary>Enqueues y = x * scale.</summary>
    public void RunEmbed(Rows<float> x, Rows<float> y, int count, int columns, float scale) => Run(Embed.Run.F32, new(x, y, count, columns, scale));

    /// <summary>As above, from BF16.</summary>
    public void RunEmbed(Rows<ushort> x, Rows<float> y, int count, int columns, float scale) => Run(Embed.Run.Bf16, new(x, y, count, columns, scale));

    private void Run<TX, TY>(Action<PairArguments<TX, TY>> kernel, PairArguments<TX, TY> arguments) where TX : unmanaged where TY : unmanaged =>
        device.Each(kernel, (long)arguments.Count * arguments.Columns, arguments);

    /// <summary>y = a + b.</summary>
    public static void AddEach(AddArguments a)
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / a.Columns), column = (int)(item % a.Columns);
            a.Y[row, column] = a.A[row, column] + a.B[row, column];
        }
    }

    /// <summary>y = x * scale, from one type to another.</summary>
    public static void ConvertEach<TX, SX, TY, SY>(PairArguments<TX, TY> a)
        where TX : unmanaged where SX : struct, IElement<TX> where TY : unmanaged where SY : struct, IElement<TY>
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / a.Columns), column = (int)(item % a.Columns);
            a.Y[row, column] = default(SY).Narrow(default(SX).Widen(a.X[row, column]) * a.Scale);
        }
    }
}
