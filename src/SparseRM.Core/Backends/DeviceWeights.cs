using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Backends;

/// <summary>A part of a stacked matrix: logical shape [outputs, inputs].</summary>
/// <param name="Slice">The tensor in its file.</param>
/// <param name="IsTransposed">Whether the file holds [inputs, outputs] instead of [outputs, inputs].</param>
public readonly record struct MatrixPart(WeightSlice Slice, bool IsTransposed = false)
{
    /// <summary>Rows of the logical matrix.</summary>
    public int Outputs => checked((int)Slice.Shape[IsTransposed ? 1 : 0]);

    /// <summary>Columns of the logical matrix.</summary>
    public int Inputs => checked((int)Slice.Shape[IsTransposed ? 0 : 1]);
}

/// <summary>A weight matrix [outputs, inputs] in the layout that its backend multiplies with.</summary>
public abstract class Matrix(int outputs, int inputs, DType compute) : IDisposable
{
    /// <summary>Rows: width of the product.</summary>
    public int Outputs { get; } = outputs;

    /// <summary>Columns: width of the operand.</summary>
    public int Inputs { get; } = inputs;

    /// <summary>F32, or BF16: then operand and weights are rounded to bfloat16 and their products summed in F32; or I8.</summary>
    /// <remarks>
    /// I8, symmetric: a row x of the operand becomes q_x = round(x * (127 / max|x|)), ties to even, with the scale s_x = max|x| / 127; so does
    /// each output's row of weights. y = F32(sum q_x q_w) * (s_x * s_w) + bias: the sum is exact, each of the other operations is rounded once, to
    /// F32. A row with no size above 2^-100 is zeros with scale 0; a row with NaN or an infinity has the scale NaN, so all its products are NaN.
    /// </remarks>
    public DType Compute { get; } = compute;

    /// <summary>Bytes that the matrix keeps resident.</summary>
    public abstract long ResidentBytes { get; }

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>An embedding table [vocabulary, d_model]; rows are read where they lie, the table is never copied.</summary>
public abstract class EmbeddingTable(WeightSlice slice) : IDisposable
{
    /// <summary>Number of rows.</summary>
    public int Vocabulary { get; } = checked((int)slice.Shape[0]);

    /// <summary>Width of a row.</summary>
    public int DModel { get; } = checked((int)slice.Shape[1]);

    /// <summary>The file and name, for messages.</summary>
    public WeightSlice Slice { get; } = slice;

    /// <inheritdoc/>
    public abstract void Dispose();
}
