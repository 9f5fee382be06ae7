using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>A read-only stream over one run of bytes of a file.</summary>
internal sealed class FileSliceStream(string path, long offset, long length) : Stream
{
    private readonly SafeFileHandle _file = InputFile.Open(path);
    private long _position;

    /// <summary>The bytes of a tensor that lies raw in its file.</summary>
    /// <exception cref="ModelFormatException">The file is another than the one in which it was found.</exception>
    public FileSliceStream(WeightSlice slice) : this(slice, slice.FileOffset, slice.ByteLength)
    {
    }

    /// <summary>A run of bytes of a tensor's file.</summary>
    /// <exception cref="ModelFormatException">As above.</exception>
    public FileSliceStream(WeightSlice slice, long offset, long length) : this(slice.Path, offset, length)
    {
        try
        {
            slice.RequireSame(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => length;
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, length - _position);
        int got = wanted <= 0 ? 0 : ReadFile(buffer[..wanted]);
        _position += got;
        return got;
    }

    private int ReadFile(Span<byte> buffer)
    {
        try
        {
            return RandomAccess.Read(_file, buffer, offset + _position);
        }
        catch (IOException error)
        {
            throw new ModelFormatException(path, $"cannot be read ({error.Message})", error);
        }
    }

    public override int Read(byte[] buffer, int start, int count) => Read(buffer.AsSpan(start, count));
    public override void Flush() { }
    public override long Seek(long distance, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int start, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _file.Dispose();
        base.Dispose(disposing);
    }
}
