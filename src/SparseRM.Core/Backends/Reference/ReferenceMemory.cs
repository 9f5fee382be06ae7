using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Backends.Reference;

/// <summary>Managed memory of the reference backend.</summary>
internal sealed class ReferenceBuffer(long length) : DeviceBuffer(length)
{
    public float[] Values { get; } = new float[length];
    public override void Dispose() { }
}

/// <summary>A matrix widened to floats; rounded to bfloat16 values where it computes in BF16.</summary>
internal sealed class ReferenceMatrix(int outputs, int inputs, DType compute, float[] values) : Matrix(outputs, inputs, compute)
{
    /// <summary>[outputs, inputs], C order.</summary>
    public float[] Values { get; } = values;
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
}
