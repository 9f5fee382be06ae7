using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

/// <summary>A tensor's place on the device.</summary>
internal readonly record struct CudaRows(nint Pointer, int Rows, int Columns, int RowStride)
{
    /// <exception cref="ArgumentException">The tensor lies in another backend's buffer.</exception>
    /// <exception cref="ShapeMismatchException">It reaches outside its buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public static CudaRows Of(Tensor tensor)
    {
        if (tensor.Buffer is not CudaBuffer buffer)
            throw new ArgumentException($"the tensor {tensor} lies in a {tensor.Buffer?.GetType().Name ?? "null"}, not in a buffer of the cuda backend");
        bool fits = tensor.Offset >= 0 && tensor.Rows >= 0 && tensor.Columns >= 0 && tensor.RowStride >= tensor.Columns
            && (tensor.Rows == 0 || tensor.Offset + (tensor.Rows - 1L) * tensor.RowStride + tensor.Columns <= buffer.Length);
        if (!fits) throw new ShapeMismatchException("Tensor", $"the view {tensor} reaches outside its buffer of {buffer.Length} floats");
        return new CudaRows(buffer.Pointer + (nint)(tensor.Offset * sizeof(float)), tensor.Rows, tensor.Columns, tensor.RowStride);
    }

    /// <summary>Whether no gaps lie between the rows.</summary>
    public bool IsDense => RowStride == Columns || Rows <= 1;

    /// <summary>Bytes of a row, without the gap behind it.</summary>
    public int RowBytes => checked(Columns * sizeof(float));

    /// <summary>Where a row lies.</summary>
    public nint Row(int row) => Pointer + (nint)((long)row * RowStride * sizeof(float));

    /// <summary>Bytes of all rows.</summary>
    public long Bytes => (long)Rows * RowBytes;
}
