using ILGPU;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>What every kernel of a product takes: y = x · wᵀ + bias.</summary>
internal readonly struct MatMulArguments<TX, TW>(Rows<TX> x, Rows<TW> w, ArrayView<float> bias, Rows<float> y, int count, int inputs, int outputs)
    where TX : unmanaged
    where TW : unmanaged
{
    /// <summary>[count, inputs]</summary>
    public readonly Rows<TX> X = x;
    /// <summary>[outputs, inputs]</summary>
    public readonly Rows<TW> W = w;
    /// <summary>[outputs], or empty.</summary>
    public readonly ArrayView<float> Bias = bias;
    /// <summary>[count, outputs]</summary>
    public readonly Rows<float> Y = y;
    public readonly int Count = count, Inputs = inputs, Outputs = outputs;

    /// <summary>y[row, output] = sum + bias, where both lie inside.</summary>
    public void Store(int row, int output, float sum)
    {
        if (row < Count && output < Outputs) Y[row, output] = Bias.Length > 0 ? sum + Bias[output] : sum;
    }
}

/// <summary>A kernel of a product and the tile of y that one lane, or one group of <paramref name="Lanes"/>, computes.</summary>
/// <param name="Run">The kernel.</param>
/// <param name="TileRows">Rows of the tile.</param>
/// <param name="TileOutputs">Columns of the tile.</param>
/// <param name="Lanes">Lanes of the group that shares a tile; 0 where each lane has one to itself.</param>
/// <param name="ReadsPairs">Whether it needs an even number of inputs.</param>
internal sealed record MatMulKernel<TX, TW>(Action<MatMulArguments<TX, TW>> Run, int TileRows, int TileOutputs, int Lanes, bool ReadsPairs = false)
    where TX : unmanaged
    where TW : unmanaged;

/// <summary>A variant: a kernel for each pair of types of operand and matrix that there is.</summary>
internal sealed record MatMulKernels(MatMulKernel<float, float> F32, MatMulKernel<float, ushort> F32OverBf16, MatMulKernel<ushort, ushort> Bf16);
