using System.IO.Compression;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>The bytes of a deflated zip member; its declared size and CRC-32 are checked when the last byte is read.</summary>
/// <param name="path">The zip file.</param>
/// <param name="member">Where it lies in that.</param>
/// <param name="deflated">The bytes as they lie there.</param>
internal sealed class InflatedStream(string path, ZipMember member, FileSliceStream deflated) : Stream
{
    private static readonly uint[] s_table = MakeTable();

    private readonly DeflateStream _inner = new(deflated, CompressionMode.Decompress);
    private long _position;
    private uint _crc = uint.MaxValue;

    /// <summary>Of a file that is only read now.</summary>
    public InflatedStream(string path, ZipMember member) : this(path, member, new FileSliceStream(path, member.DataOffset, member.CompressedSize))
    {
    }

    /// <summary>Of a tensor's file.</summary>
    /// <exception cref="ModelFormatException">The file is another than the one in which the tensor was found.</exception>
    public InflatedStream(WeightSlice slice, ZipMember member) : this(slice.Path, member, new FileSliceStream(slice, member.DataOffset, member.CompressedSize))
    {
    }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => member.Size;
    public override long Position { get => _position; set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int wanted = (int)Math.Min(buffer.Length, member.Size - _position);
        if (wanted <= 0) return 0;
        int got = Inflate(buffer[..wanted]);
        if (got == 0) throw Bad($"holds {_position} bytes, {member.Size} are declared");
        foreach (byte value in buffer[..got]) _crc = s_table[(byte)(_crc ^ value)] ^ (_crc >> 8);
        _position += got;
        if (_position == member.Size) CheckEnd();
        return got;
    }

    public override int Read(byte[] buffer, int start, int count) => Read(buffer.AsSpan(start, count));
    public override void Flush() { }
    public override long Seek(long distance, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int start, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) _inner.Dispose();
        base.Dispose(disposing);
    }

    private void CheckEnd()
    {
        if (Inflate(stackalloc byte[1]) != 0) throw Bad($"holds more than the {member.Size} bytes that are declared");
        if (~_crc != member.Crc) throw Bad("fails its CRC-32");
    }

    private int Inflate(Span<byte> buffer)
    {
        try
        {
            return _inner.Read(buffer);
        }
        catch (InvalidDataException)
        {
            throw Bad("is not a valid deflate stream");
        }
    }

    private ModelFormatException Bad(string problem) => new(path, $"member \"{member.Name}\" {problem}; copy or download the file again");

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320 ^ (value >> 1) : value >> 1;
            table[i] = value;
        }
        return table;
    }
}
