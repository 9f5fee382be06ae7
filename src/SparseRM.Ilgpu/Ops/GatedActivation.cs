using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The gate of an MLP; see <see cref="Backend.GatedActivation"/>.</summary>
internal sealed class GatedActivation(IlgpuDevice device)
{
    /// <summary>What the kernel takes.</summary>
    internal readonly struct Arguments<T>(Rows<float> gate, Rows<float> up, Rows<T> y, int count, int columns, GatedActivationKind kind)
        where T : unmanaged
    {
        public readonly Rows<float> Gate = gate, Up = up;
        public readonly Rows<T> Y = y;
        public readonly int Count = count, Columns = columns, Kind = (int)kind;
    }

    /// <summary>A kernel for each type of operand.</summary>
    internal sealed record Kernels(Action<Arguments<float>> F32, Action<Arguments<ushort>> Bf16);

    public VariantTable<Kernels> Variants { get; } = VariantTable.One(device, OpKind.GatedActivation, "lane_per_element",
        new Kernels(Each<float, Single32>, Each<ushort, Bf16>));

    /// <summary>Enqueues y = act(gate) * up.</summary>
    public void Run(Rows<float> gate, Rows<float> up, GatedActivationKind kind, IlgpuOperand y)
    {
        long items = (long)y.Count * y.Columns;
        if (y.Compute == DType.BF16) device.Each(Variants.Run.Bf16, items, new(gate, up, y.Halves, y.Count, y.Columns, kind));
        else device.Each(Variants.Run.F32, items, new(gate, up, y.Singles, y.Count, y.Columns, kind));
    }

    /// <summary>y = act(gate) * up.</summary>
    public static void Each<T, ST>(Arguments<T> a) where T : unmanaged where ST : struct, IElement<T>
    {
        long items = (long)a.Count * a.Columns;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int row = (int)(item / a.Columns), column = (int)(item % a.Columns);
            a.Y[row, column] = default(ST).Narrow(Activate(a.Kind, a.Gate[row, column]) * a.Up[row, column]);
        }
    }

    /// <summary>act(gate).</summary>
    internal static float Activate(int kind, float gate)
    {
        if (kind == (int)GatedActivationKind.Silu) return gate * DeviceMath.Sigmoid(gate);
        if (kind == (int)GatedActivationKind.GeluErf) return 0.5f * gate * (1 + DeviceMath.Erf(gate * 0.70710678f));
        return 0.5f * gate * (1 + DeviceMath.Tanh(0.79788456f * (gate + 0.044715f * gate * gate * gate)));
    }
}
