using System.Buffers.Binary;

namespace SparseRM.Data.Containers;

/// <summary>
/// Walks a parquet footer (Thrift compact protocol) without keeping anything: every field must end inside it. The parquet package
/// does not check this, and reads on for ever behind a damaged end.
/// </summary>
internal ref struct ParquetFooter
{
    private const int MaxDepth = 32;
    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;

    private ParquetFooter(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <exception cref="InvalidDataException">The footer is not whole.</exception>
    public static void Check(Stream file)
    {
        Span<byte> end = stackalloc byte[8];
        if (file.Length < 12) throw new InvalidDataException();
        file.Position = file.Length - end.Length;
        file.ReadExactly(end);
        int length = BinaryPrimitives.ReadInt32LittleEndian(end);
        if (!end[4..].SequenceEqual("PAR1"u8) || length <= 0 || length > file.Length - 12) throw new InvalidDataException();
        var bytes = new byte[length];
        file.Position = file.Length - end.Length - length;
        file.ReadExactly(bytes);
        var footer = new ParquetFooter(bytes);
        footer.Struct(0);
        if (footer._at != length) throw new InvalidDataException();
        file.Position = 0;
    }

    private void Struct(int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException();
        for (byte head; (head = Byte()) != 0;)
        {
            // The upper half is the distance from the last field id; 0 says that the id follows.
            if (head >> 4 == 0) Varint();
            Value(head & 0xF, depth + 1, inList: false);
        }
    }

    private void Value(int type, int depth, bool inList)
    {
        switch (type)
        {
            case 1 or 2: // a boolean is its own type, except in a list
                if (inList) Byte();
                break;
            case 3: // byte
                Byte();
                break;
            case 4 or 5 or 6: // i16, i32, i64
                Varint();
                break;
            case 7: // double
                Skip(8);
                break;
            case 8: // binary
                Skip(Varint());
                break;
            case 9 or 10: // list, set
                List(depth);
                break;
            case 12:
                Struct(depth);
                break;
            default:
                throw new InvalidDataException();
        }
    }

    private void List(int depth)
    {
        if (depth > MaxDepth) throw new InvalidDataException();
        byte head = Byte();
        ulong count = head >> 4 == 15 ? Varint() : (ulong)(head >> 4);
        // Every item takes a byte at least, which bounds the count.
        if (count > (ulong)(_bytes.Length - _at)) throw new InvalidDataException();
        for (ulong i = 0; i < count; i++) Value(head & 0xF, depth + 1, inList: true);
    }

    private byte Byte() => _at < _bytes.Length ? _bytes[_at++] : throw new InvalidDataException();

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new InvalidDataException();
    }

    private void Skip(ulong count)
    {
        if (count > (ulong)(_bytes.Length - _at)) throw new InvalidDataException();
        _at += (int)count;
    }
}
