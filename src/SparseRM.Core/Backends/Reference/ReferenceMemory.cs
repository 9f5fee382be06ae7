using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Backends.Reference;

/// <summary>Managed memory of the reference backend.</summary>
internal sealed class ReferenceBuffer(long length) : DeviceBuffer(length)
{
    public float[] Values { get; } = new float[length];
    public override void Dispose() { }
}

/// <summary>A matrix widened to floats; rounded to bfloat16 values where it computes in BF16, to integers where in I8.</summary>
internal sealed class ReferenceMatrix(int outputs, int inputs, DType compute, float[] values, float[] scales) : Matrix(outputs, inputs, compute)
{
    /// <summary>[outputs, inputs], C order.</summary>
    public float[] Values { get; } = values;

    /// <summary>[outputs]: what an integer is multiplied with; 1 where the matrix does not compute in I8.</summary>
    public float[] Scales { get; } = scales;
    public override long ResidentBytes => Values.LongLength * sizeof(float);
    public override void Dispose() { }
}

/// <summary>An embedding table, widened to floats.</summary>
internal sealed class ReferenceEmbedding(WeightSlice slice) : EmbeddingTable(slice)
{
    private readonly float[] _values = slice.ReadSingles(requireFinite: false);
    public ReadOnlySpan<float> Row(int id) => _values.AsSpan(id * DModel, DModel);
    public override void Dispose() { }
}

/// <summary>Access to the rows of reference tensors and operands.</summary>
internal static class ReferenceTensors
{
    public static Span<float> Row(this Tensor tensor, int row) =>
        ((ReferenceBuffer)tensor.Buffer).Values.AsSpan(checked((int)(tensor.Offset + (long)row * tensor.RowStride)), tensor.Columns);

    public static Span<float> Row(this Operand operand, int row) => ((ReferenceBuffer)operand.Buffer).Values.AsSpan(row * operand.Columns, operand.Columns);

    /// <summary>What the integers of a row of an operand in I8 are multiplied with; kept behind the rows.</summary>
    public static ref float Scale(this Operand operand, int row) =>
        ref ((ReferenceBuffer)operand.Buffer).Values[(operand.Rows * operand.Columns) + row];
}
