using ILGPU;
using ILGPU.Runtime;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Ilgpu.Ops;
using SparseRM.Tensors;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>The kernel for tensor cores on the CPU accelerator, with an emulated core: tiles, tails and fragments, all but the PTX.</summary>
public class MmaSyncTests
{
    [Theory]
    [InlineData(70, 50, 70)]  // tails in all three, and a warp that is wholly outside
    [InlineData(3, 32, 8)]
    public void Agrees_with_float64(int rows, int inputs, int outputs)
    {
        using var device = new IlgpuDevice(DeviceName.Parse(TestedBackends.IlgpuCpu), 1, 128);
        var random = new Random(42);
        var (x, w, bias) = (Halves(rows * inputs), Halves(outputs * inputs), Enumerable.Range(0, outputs).Select(i => i / 8f).ToArray());
        using var xs = device.Accelerator.Allocate1D(x);
        using var ws = device.Accelerator.Allocate1D(w);
        using var bs = device.Accelerator.Allocate1D(bias);
        using var ys = device.Accelerator.Allocate1D<float>(rows * outputs);
        var arguments = new MatMulArguments<ushort, ushort>(
            new(xs.View, inputs), new(ws.View, inputs), bs.View, new(ys.View, outputs), rows, inputs, outputs);
        int tiles = (rows + MatMul.MmaTile - 1) / MatMul.MmaTile * ((outputs + MatMul.MmaTile - 1) / MatMul.MmaTile);
        device.Groups(MatMul.MmaSync<EmulatedTensorCore>, tiles, arguments, MatMul.MmaLanes);

        var (expected, sizes) = (new float[rows * outputs], new double[rows * outputs]);
        for (int i = 0; i < expected.Length; i++)
        {
            double sum = bias[i % outputs], size = Math.Abs(sum);
            for (int k = 0; k < inputs; k++)
            {
                double term = (double)BFloat16.ToSingle(x[i / outputs * inputs + k]) * BFloat16.ToSingle(w[i % outputs * inputs + k]);
                (sum, size) = (sum + term, size + Math.Abs(term));
            }
            (expected[i], sizes[i]) = ((float)sum, size);
        }
        TensorAssert.Within(expected, ys.GetAsArray1D(), i => Tolerance.Reduction(inputs, sizes[i]));

        ushort[] Halves(int count) => [.. Enumerable.Range(0, count).Select(_ => BFloat16.FromSingle(random.NextSingle() * 2 - 1))];
    }
}
