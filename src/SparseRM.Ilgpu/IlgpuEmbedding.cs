using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Ilgpu;

/// <summary>An embedding table that stays in its file: the rows of a batch are read where they lie and sent to the device as they are.</summary>
internal sealed class IlgpuEmbedding : EmbeddingTable
{
    private readonly SafeFileHandle? _file;
    // Of a table that is deflated in its file: rows cannot be found there, so it is inflated once.
    private readonly byte[][] _rows = [];
    private readonly FileVersion _version;
    private bool _isDisposed;

    /// <summary>Opens the file, which a later one of the same name does not replace, and checks its length.</summary>
    public IlgpuEmbedding(WeightSlice slice) : base(slice)
    {
        RowBytes = DModel * slice.DType.ByteSize();
        if (slice.FileOffset < 0)
        {
            _rows = new byte[Vocabulary][];
            using var stream = slice.OpenRead();
            for (int i = 0; i < Vocabulary; i++)
            {
                _rows[i] = new byte[RowBytes];
                if (stream.ReadAtLeast(_rows[i], RowBytes, throwOnEndOfStream: false) < RowBytes) throw Ended();
            }
            return;
        }
        RequireFile(slice);
        try
        {
            _file = File.OpenHandle(slice.Path, share: FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ModelFormatException(slice.Path, $"cannot be opened to read tensor \"{slice.Name}\": {error.Message}", error);
        }
        try
        {
            _version = FileVersion.Of(_file);
            if (_version.Length < slice.FileOffset + slice.ByteLength) throw Ended();
            slice.RequireSame(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of a row.</summary>
    public int RowBytes { get; }

    /// <summary>Refuses a tensor whose file is missing, by its name.</summary>
    /// <exception cref="ModelFormatException">It is.</exception>
    public static WeightSlice RequireFile(WeightSlice slice) => slice.FileOffset < 0 || File.Exists(slice.Path)
        ? slice
        : throw new ModelFormatException(slice.Path, $"the file with tensor \"{slice.Name}\" is missing");

    /// <summary>Copies the row of a token, as it lies in the file.</summary>
    /// <exception cref="ModelFormatException">The file has become too short, other bytes were written into it, or it cannot be read.</exception>
    private void Read(int id, Span<byte> row)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_file is null)
        {
            _rows[id].CopyTo(row);
            return;
        }
        try
        {
            for (int done = 0; done < row.Length;)
            {
                int got = RandomAccess.Read(_file, row[done..], Slice.FileOffset + (long)id * RowBytes + done);
                if (got == 0) throw Ended();
                done += got;
            }
            if (FileVersion.Of(_file) != _version) throw Slice.Replaced();
        }
        catch (IOException error)
        {
            throw new ModelFormatException(Slice.Path, $"cannot be read ({error.Message})", error);
        }
    }

    /// <summary>As <see cref="Read"/>, and refuses a row that is not finite.</summary>
    /// <exception cref="ModelFormatException">It holds NaN or an infinity.</exception>
    public void ReadFinite(int id, Span<byte> row)
    {
        Read(id, row);
        bool isFinite = true;
        switch (Slice.DType)
        {
            case DType.BF16:
                foreach (ushort bits in MemoryMarshal.Cast<byte, ushort>(row)) isFinite &= (bits & 0x7F80) != 0x7F80;
                break;
            case DType.F16:
                foreach (var value in MemoryMarshal.Cast<byte, Half>(row)) isFinite &= Half.IsFinite(value);
                break;
            default:
                foreach (float value in MemoryMarshal.Cast<byte, float>(row)) isFinite &= float.IsFinite(value);
                break;
        }
        if (!isFinite)
            throw new ModelFormatException(
                Slice.Path, $"tensor \"{Slice.Name}\" has a NaN or an infinity in the row of token {id}; weights must be finite");
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _isDisposed = true;
        _file?.Dispose();
    }

    private ModelFormatException Ended() => new(Slice.Path, $"the file ends inside tensor \"{Slice.Name}\"; copy or download it again");
}
