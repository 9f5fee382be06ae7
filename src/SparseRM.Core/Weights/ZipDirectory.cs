using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>One member of a zip file: where its bytes lie, so that stored ones can be mapped.</summary>
internal sealed record ZipMember(string Name, bool Deflated, uint Crc, long CompressedSize, long Size, long DataOffset);

/// <summary>The central directory of a zip file (npz, torch), checked against the local headers. Source: PKWARE APPNOTE 4.3 and 4.5.</summary>
/// <remarks>.NET's own reader does not say where a member lies, and reads what this one refuses: overlaps, duplicates, sizes that cannot be true.</remarks>
internal sealed class ZipDirectory
{
    private const int EndLength = 22, CentralLength = 46, LocalLength = 30, MaxDirectory = 100_000_000;

    /// <summary>No deflate stream expands further (RFC 1951: 258 bytes from at least 2 bits), so a larger size is a lie.</summary>
    private const long MaxExpansion = 1032;

    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly long _length;

    private ZipDirectory(string path, SafeFileHandle file) => (_path, _file, _length) = (path, file, RandomAccess.GetLength(file));

    /// <summary>Members in the order of the central directory.</summary>
    /// <exception cref="ModelFormatException">Not a zip file, truncated, contradictory, encrypted, or compressed in a way that is not supported.</exception>
    public static IReadOnlyList<ZipMember> Read(string path)
    {
        using var file = InputFile.Open(path);
        return new ZipDirectory(path, file).Read();
    }

    private List<ZipMember> Read()
    {
        var (directoryOffset, directoryLength, count) = FindDirectory();
        byte[] directory = Bytes(directoryOffset, directoryLength);
        var members = new List<ZipMember>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var extents = new List<(long Begin, long End, string Name)>();
        int at = 0;
        for (long i = 0; i < count; i++)
        {
            var (member, headerOffset) = ReadEntry(directory, ref at, directoryOffset);
            if (!names.Add(member.Name)) throw Bad($"has member \"{member.Name}\" twice");
            members.Add(member);
            extents.Add((headerOffset, member.DataOffset + member.CompressedSize, member.Name));
        }
        if (at != directory.Length) throw Bad("the zip directory is longer than its entries");
        long end = 0;
        foreach (var extent in extents.Order())
        {
            if (extent.Begin < end) throw Bad($"member \"{extent.Name}\" overlaps another");
            end = extent.End;
        }
        return members;
    }

    private (long Offset, int Length, long Count) FindDirectory()
    {
        int tailLength = (int)Math.Min(_length, EndLength + ushort.MaxValue);
        byte[] tail = Bytes(_length - tailLength, tailLength);
        for (int at = tailLength - EndLength; at >= 0; at--)
        {
            var end = tail.AsSpan(at);
            if (U32(end, 0) != 0x06054B50 || at + EndLength + U16(end, 20) != tailLength) continue;
            long endOffset = _length - tailLength + at;
            ulong count = U16(end, 10), length = U32(end, 12), offset = U32(end, 16);
            if (count == ushort.MaxValue || length == uint.MaxValue || offset == uint.MaxValue) (count, length, offset, endOffset) = Zip64End(endOffset);
            if (length > MaxDirectory || offset > (ulong)endOffset || offset + length > (ulong)endOffset || count > length / CentralLength)
                throw Bad("the zip directory does not fit into the file; copy or download it again");
            return ((long)offset, (int)length, (long)count);
        }
        throw Bad("is not a complete zip file (no end of the central directory); copy or download it again");
    }

    private (ulong Count, ulong Length, ulong Offset, long EndOffset) Zip64End(long endOffset)
    {
        byte[] locator = endOffset >= 20 ? Bytes(endOffset - 20, 20) : [];
        if (locator.Length == 0 || U32(locator, 0) != 0x07064B50) throw Bad("the zip64 directory is missing; copy or download it again");
        ulong at = U64(locator, 8);
        if (at > (ulong)endOffset - 20 || (ulong)endOffset - 20 - at < 56) throw Bad("the zip64 directory does not fit into the file");
        byte[] end = Bytes((long)at, 56);
        if (U32(end, 0) != 0x06064B50) throw Bad("the zip64 directory is missing; copy or download it again");
        return (U64(end, 32), U64(end, 40), U64(end, 48), (long)at);
    }

    private (ZipMember Member, long HeaderOffset) ReadEntry(byte[] directory, ref int at, long dataEnd)
    {
        if (directory.Length - at < CentralLength || U32(directory.AsSpan(at), 0) != 0x02014B50) throw Bad("the zip directory is malformed; copy or download it again");
        var entry = directory.AsSpan(at);
        int nameLength = U16(entry, 28), extraLength = U16(entry, 30), commentLength = U16(entry, 32);
        if (entry.Length < CentralLength + nameLength + extraLength + commentLength) throw Bad("the zip directory is malformed; copy or download it again");
        at += CentralLength + nameLength + extraLength + commentLength;
        var nameBytes = entry.Slice(CentralLength, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes);
        int flags = U16(entry, 8), method = U16(entry, 10);
        if ((flags & 1) != 0) throw Bad($"member \"{name}\" is encrypted; save the file without a password");
        if (method is not (0 or 8)) throw Bad($"member \"{name}\" is compressed by method {method}; only stored (0) and deflated (8) are supported");
        ulong compressed = U32(entry, 20), size = U32(entry, 24), header = U32(entry, 42);
        Zip64Sizes(name, entry.Slice(CentralLength + nameLength, extraLength), ref size, ref compressed, ref header);
        if (compressed > (ulong)dataEnd || header > (ulong)dataEnd || size > long.MaxValue) throw Bad($"member \"{name}\" does not fit into the file");
        if (method == 0 && size != compressed) throw Bad($"member \"{name}\" is stored, but its two sizes differ ({size} and {compressed})");
        if (method == 8 && (Int128)size > (Int128)compressed * MaxExpansion) throw Bad($"member \"{name}\" declares {size} bytes, more than {compressed} deflated bytes can hold");
        long data = DataOffset(name, nameBytes, (long)header, dataEnd);
        if (data + (long)compressed > dataEnd) throw Bad($"member \"{name}\" does not fit into the file");
        return (new ZipMember(name, method == 8, U32(entry, 16), (long)compressed, (long)size, data), (long)header);
    }

    /// <summary>Extra field 1 holds those sizes, in this order, whose 32-bit fields are all ones.</summary>
    private void Zip64Sizes(string name, ReadOnlySpan<byte> extra, ref ulong size, ref ulong compressed, ref ulong header)
    {
        if (size != uint.MaxValue && compressed != uint.MaxValue && header != uint.MaxValue) return;
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), length = U16(extra, 2);
            if (length > extra.Length - 4) break;
            var field = extra.Slice(4, length);
            extra = extra[(4 + length)..];
            if (id != 1) continue;
            size = Wide(name, size, ref field);
            compressed = Wide(name, compressed, ref field);
            header = Wide(name, header, ref field);
            return;
        }
        throw Bad($"member \"{name}\" has no zip64 sizes");
    }

    private ulong Wide(string name, ulong narrow, ref ReadOnlySpan<byte> field)
    {
        if (narrow != uint.MaxValue) return narrow;
        if (field.Length < 8) throw Bad($"member \"{name}\" has a zip64 field that is too short");
        ulong wide = U64(field, 0);
        field = field[8..];
        return wide;
    }

    private long DataOffset(string name, ReadOnlySpan<byte> nameBytes, long header, long dataEnd)
    {
        if (dataEnd - header < LocalLength + nameBytes.Length) throw Bad($"member \"{name}\" does not fit into the file");
        byte[] local = Bytes(header, LocalLength + nameBytes.Length);
        if (U32(local, 0) != 0x04034B50 || U16(local, 26) != nameBytes.Length || !nameBytes.SequenceEqual(local.AsSpan(LocalLength)))
            throw Bad($"member \"{name}\" is not where the zip directory says");
        return header + LocalLength + nameBytes.Length + U16(local, 28);
    }

    private byte[] Bytes(long offset, int length)
    {
        var bytes = new byte[length];
        InputFile.ReadAt(_path, _file, bytes, offset);
        return bytes;
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private ModelFormatException Bad(string problem) => new(_path, problem);
}
