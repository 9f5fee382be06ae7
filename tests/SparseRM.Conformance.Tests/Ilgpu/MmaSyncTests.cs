using ILGPU;
using ILGPU.Runtime;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Ilgpu.Ops;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>The kernel for tensor cores on the CPU accelerator, with an emulated core: tiles, tails, fragments, epilogues, all but the PTX.</summary>
public class MmaSyncTests
{
    [Theory]
    [InlineData(70, 50, 70)]  // tails in all three, and a warp that is wholly outside
    [InlineData(3, 32, 8)]
    public void Agrees_with_float64(int rows, int inputs, int outputs)
    {
        using var device = new IlgpuDevice(DeviceName.Parse(TestedBackends.IlgpuCpu), 1, MatMul.MmaLanes);
        var random = new Random(42);
        var (x, w) = (Halves(random, rows * inputs), Halves(random, outputs * inputs));
        float[] bias = [.. Enumerable.Range(0, outputs).Select(i => i / 8f)];
        using var xs = device.Accelerator.Allocate1D(x);
        using var ws = device.Accelerator.Allocate1D(w);
        using var bs = device.Accelerator.Allocate1D(bias);
        using var ys = device.Accelerator.Allocate1D<float>(rows * outputs);
        Launch(device, new MatMulArguments<uint, uint>(
            Pairs(xs, inputs), Pairs(ws, inputs), bs.View, new(ys.View, outputs), rows, inputs / 2, outputs));

        var products = Enumerable.Range(0, rows * outputs).Select(i => Dot(x, w, i / outputs, i % outputs, inputs)).ToArray();
        TensorAssert.Within(
            [.. products.Select((product, i) => (float)(product.Sum + bias[i % outputs]))], ys.GetAsArray1D(),
            i => Tolerance.Reduction(inputs, products[i].Size + bias[i % outputs]));
    }

    [Theory]
    [InlineData(70, 50, 35)]  // a second tile of three outputs
    [InlineData(3, 32, 16)]
    public void Gate_and_up_agree_with_float64(int rows, int inputs, int outputs)
    {
        using var device = new IlgpuDevice(DeviceName.Parse(TestedBackends.IlgpuCpu), 1, MatMul.MmaLanes);
        var random = new Random(43);
        var (x, gate, up) = (Halves(random, rows * inputs), Halves(random, outputs * inputs), Halves(random, outputs * inputs));
        using var xs = device.Accelerator.Allocate1D(x);
        using var gates = device.Accelerator.Allocate1D(gate);
        using var ups = device.Accelerator.Allocate1D(up);
        using var ys = device.Accelerator.Allocate1D<float>(rows * outputs);
        Launch(device, new GatedMatMulArguments<uint, uint, float, Single32>(
            Pairs(xs, inputs), Pairs(gates, inputs), Pairs(ups, inputs), new(ys.View, outputs), rows, inputs / 2, outputs,
            (int)GatedActivationKind.Silu));

        var (g, u) = (Products(gate), Products(up));
        TensorAssert.Within(
            [.. g.Zip(u, (a, b) => (float)(a.Sum / (1 + Math.Exp(-a.Sum)) * b.Sum))], ys.GetAsArray1D(),
            // Every activation has slopes within +-1.13.
            i => Tolerance.GatedActivation(g[i].Sum, u[i].Sum) + 1.13 * Tolerance.Reduction(inputs, g[i].Size) * Math.Abs(u[i].Sum)
                + Math.Abs(g[i].Sum) * Tolerance.Reduction(inputs, u[i].Size));

        (double Sum, double Size)[] Products(ushort[] w) =>
            [.. Enumerable.Range(0, rows * outputs).Select(i => Dot(x, w, i / outputs, i % outputs, inputs))];
    }

    private static void Launch<T>(IlgpuDevice device, T arguments) where T : struct, IProducts<uint, uint> =>
        new ProductKernel<T>(MatMul.MmaSync<EmulatedTensorCore, T>, MatMul.MmaTile, MatMul.MmaTile, MatMul.MmaLanes)
            .Launch(device, arguments);

    private static Rows<uint> Pairs(MemoryBuffer1D<ushort, Stride1D.Dense> memory, int inputs) =>
        new Rows<ushort>(memory.View, inputs).Pairs();

    private static ushort[] Halves(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => BFloat16.FromSingle(random.NextSingle() * 2 - 1))];

    private static (double Sum, double Size) Dot(ushort[] x, ushort[] w, int row, int output, int inputs)
    {
        double sum = 0, size = 0;
        for (int k = 0; k < inputs; k++)
        {
            double term = (double)BFloat16.ToSingle(x[row * inputs + k]) * BFloat16.ToSingle(w[output * inputs + k]);
            (sum, size) = (sum + term, size + Math.Abs(term));
        }
        return (sum, size);
    }
}
