using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>Rows that products read: rounded to the compute type once, by the op that makes them, in the layout that the backend multiplies from.</summary>
/// <remarks>
/// Written as a whole by one op, read by <see cref="Backend.MatMul"/> and <see cref="Backend.GatedMatMul"/>; the layout is the backend's own
/// affair, so it cannot be downloaded (a product with the identity gives its values).
/// </remarks>
/// <param name="Buffer">Memory of at least <see cref="Length"/> floats; a view does not own it.</param>
/// <param name="Rows">Number of rows (tokens).</param>
/// <param name="Columns">Width of a row: the inputs of the matrices.</param>
/// <param name="Compute">F32, BF16 or I8: that of the matrices (see <see cref="Matrix.Compute"/>).</param>
public readonly record struct Operand(DeviceBuffer Buffer, int Rows, int Columns, DType Compute)
{
    /// <summary>Floats that a buffer needs: rows in F32, pairs of BF16 with an odd last column filled up, or bytes in fours with a scale for each row.</summary>
    public static long Length(int rows, int columns) => (long)rows * (columns + 1);

    /// <summary>For messages: <c>BF16 [rows, columns]</c>.</summary>
    public override string ToString() => $"{Compute} [{Rows}, {Columns}]";
}

/// <summary>One product of an operand: y = x · wᵀ + bias.</summary>
/// <param name="W">[outputs, inputs].</param>
/// <param name="Bias">[1, outputs], or null.</param>
/// <param name="Y">[n, outputs]; overlaps nothing that the call reads or writes.</param>
public readonly record struct Product(Matrix W, Tensor? Bias, Tensor Y);
