using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>Aligned native memory.</summary>
internal sealed class NativeBuffer(BufferHandle handle, long length) : DeviceBuffer(length)
{
    public BufferHandle Handle { get; } = handle;
    public override void Dispose() => Handle.Dispose();
}

/// <summary>Weights packed in native memory.</summary>
internal sealed class NativeMatrix(MatrixHandle handle, int outputs, int inputs, DType compute) : Matrix(outputs, inputs, compute)
{
    public MatrixHandle Handle { get; } = handle;
    public override long ResidentBytes { get; } = NativeMethods.srmk_matrix_bytes(handle);
    public override void Dispose() => Handle.Dispose();
}

/// <summary>A table that stays in its file; one that is deflated there is inflated once, into native memory.</summary>
internal sealed unsafe class NativeEmbedding : EmbeddingTable
{
    /// <summary>What the system makes resident around a byte that is touched: 16 pages of its cache.</summary>
    private const long BytesAround = 64 << 10;

    private const long MaxResident = 64 << 20;
    private MappedFile? _file;
    private NativeBlock? _copy;
    private CopiedRows? _rows;
    private long _touched;

    public NativeEmbedding(WeightSlice slice) : base(slice)
    {
        if (slice.FileOffset >= 0 && CopiedRows.Wanted)
        {
            _rows = new CopiedRows(slice);
            return;
        }
        if (slice.FileOffset >= 0)
        {
            _file = MappedFile.Acquire(slice);
            return;
        }
        var copy = new NativeBlock(slice.ByteLength);
        try
        {
            using var stream = slice.OpenRead();
            copy.Fill(slice, stream, slice.ByteLength);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
        _copy = copy;
    }

    ~NativeEmbedding() => Close();

    /// <summary>Where rows are read each time, or null where <see cref="Start"/> has them all.</summary>
    public CopiedRows? Rows => _rows;

    /// <summary>The first element of row 0.</summary>
    public byte* Start
    {
        get
        {
            ObjectDisposedException.ThrowIf(_file is null && _copy is null, typeof(EmbeddingTable));
            return _file is not null ? _file.At(Slice) : _copy!.Start;
        }
    }

    /// <summary>Counts rows that were read and lets the table's pages go whenever they may have come to 64 MB: in a long run they add up.</summary>
    public void CountRows(int rows)
    {
        if (_file is null || Slice.ByteLength <= MaxResident) return;
        _touched += rows * (BytesAround + Slice.Shape[1] * Slice.DType.ByteSize());
        if (_touched <= MaxResident) return;
        _touched = 0;
        NativeMethods.srmk_release_pages(Start, Slice.ByteLength);
    }

    public override void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private void Close()
    {
        Interlocked.Exchange(ref _file, null)?.Release();
        Interlocked.Exchange(ref _copy, null)?.Dispose();
        Interlocked.Exchange(ref _rows, null)?.Dispose();
    }
}

/// <summary>A tensor as the native side sees it; holds the buffer's memory until it is disposed.</summary>
internal ref struct TensorScope : IDisposable
{
    public readonly TensorDesc Desc;
    private readonly BufferHandle _handle;

    /// <exception cref="ArgumentException">The tensor lies in another backend's buffer.</exception>
    /// <exception cref="ShapeMismatchException">It reaches outside its buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public TensorScope(scoped in Tensor tensor)
    {
        if (tensor.Buffer is not NativeBuffer buffer)
            throw new ArgumentException($"the tensor {tensor} lies in a {tensor.Buffer?.GetType().Name ?? "null"}, not in a buffer of the native backend");
        bool fits = tensor.Offset >= 0 && tensor.Rows >= 0 && tensor.Columns >= 0 && tensor.RowStride >= tensor.Columns
            && (tensor.Rows == 0 || tensor.Offset + (tensor.Rows - 1L) * tensor.RowStride + tensor.Columns <= buffer.Length);
        if (!fits) throw new ShapeMismatchException("Tensor", $"the view {tensor} reaches outside its buffer of {buffer.Length} floats");
        bool held = false;
        buffer.Handle.DangerousAddRef(ref held);
        _handle = buffer.Handle;
        Desc = new TensorDesc
        {
            Buffer = buffer.Handle.DangerousGetHandle(), Offset = tensor.Offset, Rows = tensor.Rows, Columns = tensor.Columns, RowStride = tensor.RowStride,
        };
    }

    public readonly void Dispose() => _handle?.DangerousRelease();
}

/// <summary>A matrix as the native side sees it; holds its memory until it is disposed.</summary>
internal readonly ref struct MatrixScope : IDisposable
{
    private readonly MatrixHandle _handle;

    /// <exception cref="ObjectDisposedException">The matrix was disposed.</exception>
    public MatrixScope(MatrixHandle handle)
    {
        bool held = false;
        handle.DangerousAddRef(ref held);
        _handle = handle;
    }

    public nint Pointer => _handle.DangerousGetHandle();

    public void Dispose() => _handle?.DangerousRelease();
}

/// <summary>A tensor that may be absent.</summary>
internal ref struct OptionalScope(Tensor? tensor) : IDisposable
{
    private TensorScope _scope = tensor is { } t ? new TensorScope(t) : default;
    public readonly bool IsThere => _scope.Desc.Buffer != 0;
    public readonly TensorDesc Desc => _scope.Desc;
    public void Dispose() => _scope.Dispose();
}

/// <summary>An operand as the native side sees it; holds the buffer's memory until it is disposed. Its extent was checked by <see cref="OpChecks"/>.</summary>
internal ref struct OperandScope : IDisposable
{
    public readonly OperandDesc Desc;
    private readonly BufferHandle _handle;

    /// <exception cref="ArgumentException">The operand lies in another backend's buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public OperandScope(scoped in Operand operand)
    {
        if (operand.Buffer is not NativeBuffer buffer)
            throw new ArgumentException($"the operand {operand} lies in a {operand.Buffer?.GetType().Name ?? "null"}, not in a buffer of the native backend");
        bool held = false;
        buffer.Handle.DangerousAddRef(ref held);
        _handle = buffer.Handle;
        Desc = new OperandDesc
        {
            Buffer = buffer.Handle.DangerousGetHandle(), Rows = operand.Rows, Columns = operand.Columns, Compute = (long)operand.Compute,
        };
    }

    public readonly void Dispose() => _handle?.DangerousRelease();
}
