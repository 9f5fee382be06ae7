using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>Rows of a tensor that are read out of its file each time. For the thread that owns the backend.</summary>
/// <remarks>
/// A mapped file that shrinks ends the process (SIGBUS), which a library in somebody's program must not: read like this it is an error. It costs a system call
/// for each row, about a microsecond, where a token costs a pass through the blocks.
/// </remarks>
internal sealed unsafe class CopiedRows : IDisposable
{
    private const string Switch = "SparseRM.Interop.CopyWeights";
    private readonly WeightSlice _slice;
    private readonly SafeFileHandle _file;
    private readonly FileVersion _version;
    private readonly long _rowBytes;
    private NativeBlock? _block;
    private long _capacity;

    /// <exception cref="ModelFormatException">The file cannot be opened, or ends inside the tensor.</exception>
    public CopiedRows(WeightSlice slice)
    {
        _slice = slice;
        _rowBytes = slice.Shape[1] * slice.DType.ByteSize();
        try
        {
            _file = File.OpenHandle(slice.Path, share: FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(slice.Path, $"cannot be opened to read tensor \"{slice.Name}\": {e.Message}", e);
        }
        try
        {
            _version = FileVersion.Of(_file);
            if (_version.Length < slice.FileOffset + slice.ByteLength) throw Short();
            slice.RequireSame(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Whether this process reads weights and never maps them: a switch of the runtime's configuration.</summary>
    public static bool Wanted { get; } = AppContext.TryGetSwitch(Switch, out bool on) && on;

    /// <summary>The rows of some ids, one after the other; valid until the next call.</summary>
    /// <exception cref="ModelFormatException">The file has become too short, or other bytes were written into it.</exception>
    public byte* Read(ReadOnlySpan<int> ids)
    {
        long bytes = ids.Length * _rowBytes;
        if (_block is null || _capacity < bytes)
        {
            _block?.Dispose();
            (_block, _capacity) = (null, 0);
            (_block, _capacity) = (new NativeBlock(bytes), bytes);
        }
        for (int i = 0; i < ids.Length; i++)
        {
            var row = new Span<byte>(_block.Start + i * _rowBytes, (int)_rowBytes);
            for (int read = 0; read < row.Length;)
            {
                int count = RandomAccess.Read(_file, row[read..], _slice.FileOffset + ids[i] * _rowBytes + read);
                if (count == 0) throw Short();
                read += count;
            }
        }
        // After the rows: what was written meanwhile may be among them.
        if (FileVersion.Of(_file) != _version) throw _slice.Replaced();
        return _block.Start;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        _block?.Dispose();
    }

    private ModelFormatException Short() => new(_slice.Path, $"the file ends inside tensor \"{_slice.Name}\"; copy or download it again");
}
