using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

/// <summary>An operand's place on the device: dense rows, a bf16 row padded with zeros to 16 bytes.</summary>
internal readonly record struct CudaOperand(nint Pointer, int Rows, int Columns, int RowStride, DType Compute)
{
    /// <summary>The ending of the names of kernels for it.</summary>
    public string Types => Compute == DType.BF16 ? "bf16" : "f32";

    /// <summary>Elements from row to row. One or two have no room for 16 bytes in <see cref="Operand.Length"/>.</summary>
    public static int Stride(int columns, DType compute) => compute == DType.F32 || columns < 3 ? columns : (columns + 7) / 8 * 8;
}

public sealed partial class CudaBackend
{
    internal CudaDevice Device => _device;
    internal CudaArena Arena => _arena;
    internal CudaIndices Indices => _indices;

    /// <summary>The variant that computes: the selected one, or the next slower that fits these types, this width and number of rows.</summary>
    internal CudaVariant Pick(OpKind op, string types = "", int width = 0, int rows = 0)
    {
        var variants = CudaVariants.Of(op);
        int i = Array.IndexOf(variants, _selected[op]);
        while (i > 0 && !Takes(variants[i])) i--;
        return _computed[op] = variants[i];

        bool Takes(CudaVariant variant) =>
            variant.Fits(types, width) && rows <= variant.MostRows && (!variant.IsByNameOnly || variant == _selected[op]);
    }

    /// <summary>Queues the kernel <c>{op}_{variant}</c> or <c>{op}_{variant}_{ending}</c>; a grid without blocks is no work.</summary>
    internal void Launch(string op, CudaVariant variant, string ending, Grid grid, int shared, params ReadOnlySpan<KernelArgument> arguments)
    {
        if (grid.X == 0 || grid.Y == 0) return;
        nint function = _modules.Function(op, variant, ending, shared);
        _device.Launch(new CudaLaunch(function, grid, variant.Threads, shared), op, variant.Name, arguments);
    }

    /// <summary>Queues a copy to the device through pinned memory; <paramref name="from"/> may change when this returns.</summary>
    internal unsafe void Upload(byte* from, nint to, long bytes) => Staging.Upload(from, to, bytes);

    /// <summary>As above, for rows that lie apart here and one after the other there.</summary>
    internal void UploadRows(ReadOnlySpan<nint> rows, int rowBytes, nint to) => Staging.UploadRows(rows, rowBytes, to);

    /// <summary>Waits, then copies from the device.</summary>
    internal unsafe void Download<T>(nint from, Span<T> to) where T : unmanaged
    {
        fixed (T* start = to) Staging.Download(from, (byte*)start, (long)to.Length * sizeof(T));
    }

    /// <summary>Where a tensor lies; see <see cref="CudaRows.Of"/> for what is refused.</summary>
    internal static CudaRows Rows(Tensor tensor) => CudaRows.Of(tensor);

    /// <summary>Where an operand lies.</summary>
    /// <exception cref="ArgumentException">It lies in another backend's buffer.</exception>
    /// <exception cref="Errors.ShapeMismatchException">Its buffer is too short.</exception>
    internal static CudaOperand Rows(Operand operand)
    {
        int perRow = checked((int)Operand.Length(1, operand.Columns));
        var whole = CudaRows.Of(new Tensor(operand.Buffer, 0, operand.Rows, perRow, perRow));
        return new CudaOperand(whole.Pointer, operand.Rows, operand.Columns, CudaOperand.Stride(operand.Columns, operand.Compute), operand.Compute);
    }
}
