namespace SparseRM.Weights;

/// <summary>A matrix of [rows, columns] as it lies in its file.</summary>
/// <param name="Slice">The bytes; its shape is that of the file: [columns, rows] where <paramref name="IsTransposed"/>.</param>
/// <param name="IsTransposed">Whether the file holds the transpose in C order (NumPy's fortran order, a transposed view in torch).</param>
public readonly record struct WeightMatrix(WeightSlice Slice, bool IsTransposed);
