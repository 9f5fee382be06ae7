using ILGPU;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Ops;

/// <summary>
/// What a kernel of products asks of its arguments, so that one kernel serves a plain product and a pair of them with an epilogue. A constant
/// of the kernel, like a template argument. What these have are public fields: ILGPU reads them from an assembly of its own.
/// </summary>
internal interface IProducts
{
    /// <summary>Rows of x.</summary>
    int Count { get; }

    /// <summary>Columns of x.</summary>
    int Inputs { get; }

    /// <summary>Columns of sums.</summary>
    int Columns { get; }

    /// <summary>
    /// Takes four sums of one row, <paramref name="step"/> columns apart, the first in the first quarter of 4 step columns; drops what lies
    /// beyond the last row or column.
    /// </summary>
    void Store(int row, int column, int step, Four sums);
}

/// <summary>Of elements of these types.</summary>
internal interface IProducts<TX, TW> : IProducts where TX : unmanaged where TW : unmanaged
{
    /// <summary>Row <paramref name="row"/> of x [inputs]; the last for those beyond.</summary>
    ArrayView<TX> Row(int row);

    /// <summary>Weights [inputs] of a column of sums, for a kernel that stores by <paramref name="step"/>; the last for those beyond.</summary>
    ArrayView<TW> Weights(int column, int step);
}

/// <summary>What every kernel of a product takes: y = x · wᵀ + bias.</summary>
internal readonly struct MatMulArguments<TX, TW>(
    Rows<TX> x, Rows<TW> w, ArrayView<float> bias, Rows<float> y, int count, int inputs, int outputs) : IProducts<TX, TW>
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

    int IProducts.Count => Count;
    int IProducts.Inputs => Inputs;
    int IProducts.Columns => Outputs;

    /// <inheritdoc/>
    public ArrayView<TX> Row(int row) => X.Row(IntrinsicMath.Min(row, Count - 1), Inputs);

    /// <inheritdoc/>
    public ArrayView<TW> Weights(int column, int step) => W.Row(IntrinsicMath.Min(column, Outputs - 1), Inputs);

    /// <inheritdoc/>
    public void Store(int row, int column, int step, Four sums)
    {
        Store(row, column, sums.A);
        Store(row, column + step, sums.B);
        Store(row, column + 2 * step, sums.C);
        Store(row, column + 3 * step, sums.D);
    }

    /// <summary>y[row, output] = sum + bias, where both lie inside.</summary>
    public void Store(int row, int output, float sum)
    {
        if (row < Count && output < Outputs) Y[row, output] = Bias.Length > 0 ? sum + Bias[output] : sum;
    }
}

/// <summary>What a kernel of products takes for the gate of an MLP: y = act(x · gateᵀ) * (x · upᵀ).</summary>
/// <remarks>
/// Of each 4 step columns of sums the first half belongs to the gate, the second to the same outputs of up: so both sums of an output lie in
/// one lane, which holds no more of them than for one product, and the activation comes before anything is stored.
/// </remarks>
internal readonly struct GatedMatMulArguments<TX, TW, TY, SY>(
    Rows<TX> x, Rows<TW> gate, Rows<TW> up, Rows<TY> y, int count, int inputs, int outputs, int kind) : IProducts<TX, TW>
    where TX : unmanaged
    where TW : unmanaged
    where TY : unmanaged
    where SY : struct, IElement<TY>
{
    /// <summary>[count, inputs]</summary>
    public readonly Rows<TX> X = x;
    /// <summary>[outputs, inputs]</summary>
    public readonly Rows<TW> Gate = gate, Up = up;
    /// <summary>[count, outputs]</summary>
    public readonly Rows<TY> Y = y;
    /// <summary>Kind is a <see cref="Backends.GatedActivationKind"/>.</summary>
    public readonly int Count = count, Inputs = inputs, Outputs = outputs, Kind = kind;

    int IProducts.Count => Count;
    int IProducts.Inputs => Inputs;
    int IProducts.Columns => 2 * Outputs;

    /// <inheritdoc/>
    public ArrayView<TX> Row(int row) => X.Row(IntrinsicMath.Min(row, Count - 1), Inputs);

    /// <inheritdoc/>
    public ArrayView<TW> Weights(int column, int step)
    {
        int output = IntrinsicMath.Min(Output(column, step), Outputs - 1);
        return column % (4 * step) < 2 * step ? Gate.Row(output, Inputs) : Up.Row(output, Inputs);
    }

    /// <inheritdoc/>
    public void Store(int row, int column, int step, Four sums)
    {
        int output = Output(column, step);
        Store(row, output, sums.A, sums.C);
        Store(row, output + step, sums.B, sums.D);
    }

    private void Store(int row, int output, float gate, float up)
    {
        if (row < Count && output < Outputs) Y[row, output] = default(SY).Narrow(GatedActivation.Activate(Kind, gate) * up);
    }

    private static int Output(int column, int step) => column / (4 * step) * (2 * step) + column % (2 * step);
}

/// <summary>A kernel of products and the tile of sums that one lane, or one group of <paramref name="Lanes"/>, computes.</summary>
/// <param name="Run">The kernel.</param>
/// <param name="TileRows">Rows of the tile.</param>
/// <param name="TileColumns">Columns of the tile.</param>
/// <param name="Lanes">Lanes of the group that shares a tile; 0 where each lane has one to itself.</param>
internal sealed record ProductKernel<T>(Action<T> Run, int TileRows, int TileColumns, int Lanes) where T : struct, IProducts
{
    /// <summary>Enqueues it over all tiles.</summary>
    public void Launch(IlgpuDevice device, T arguments)
    {
        long tiles = (long)Tiles(arguments.Count, TileRows) * Tiles(arguments.Columns, TileColumns);
        if (Lanes == 0) device.Each(Run, tiles, arguments);
        else device.Groups(Run, tiles, arguments, Lanes);
    }

    private static int Tiles(int length, int tile) => (length + tile - 1) / tile;
}
