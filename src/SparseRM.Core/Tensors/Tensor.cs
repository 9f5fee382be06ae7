namespace SparseRM.Tensors;

/// <summary>Memory that a backend owns; what it is (managed, native, on a device) only the backend knows.</summary>
public abstract class DeviceBuffer(long length) : IDisposable
{
    /// <summary>Number of float elements.</summary>
    public long Length { get; } = length;

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A view of rows of F32 activations: element (i, j) lies at <c>Offset + i * RowStride + j</c> of the buffer.</summary>
/// <param name="Buffer">The memory; a view does not own it.</param>
/// <param name="Offset">First element, in floats.</param>
/// <param name="Rows">Number of rows (tokens, sequences).</param>
/// <param name="Columns">Width of a row.</param>
/// <param name="RowStride">Floats from one row to the next, at least <paramref name="Columns"/>.</param>
public readonly record struct Tensor(DeviceBuffer Buffer, long Offset, int Rows, int Columns, int RowStride)
{
    /// <summary>Rows [first, first + count) of this view.</summary>
    public Tensor RowRange(int first, int count) => first >= 0 && count >= 0 && first + count <= Rows
        ? this with { Offset = Offset + (long)first * RowStride, Rows = count }
        : throw new ArgumentOutOfRangeException(nameof(first), $"rows {first}..{first + count} of {Rows}");

    /// <summary>Columns [first, first + count) of this view; the stride stays.</summary>
    public Tensor ColumnRange(int first, int count) => first >= 0 && count >= 0 && first + count <= Columns
        ? this with { Offset = Offset + first, Columns = count }
        : throw new ArgumentOutOfRangeException(nameof(first), $"columns {first}..{first + count} of {Columns}");

    /// <summary>For messages: <c>[rows, columns]</c>.</summary>
    public override string ToString() => $"[{Rows}, {Columns}]";
}
