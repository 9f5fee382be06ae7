using System.Buffers.Binary;
using System.IO.Compression;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>Tells a cut gzip file from a whole one, and a bomb from text; .NET's GZipStream takes a missing end for the end.</summary>
internal static class Gzip
{
    private static readonly uint[] s_crcTable = BuildCrcTable();

    /// <summary>
    /// Refuses a stream whose last member does not end with its own checksum and length (RFC 1952, 2.3.1), and one whose members
    /// together unpack to more than <see cref="Limits.UnpackedBytes"/>.
    /// </summary>
    public static void RefuseTruncated(string path, Stream raw)
    {
        const int header = 10, trailer = 8;
        if (raw.Length < header + trailer) throw Truncated(path);
        Span<byte> end = stackalloc byte[trailer];
        raw.Position = raw.Length - trailer;
        raw.ReadExactly(end);
        uint crc = BinaryPrimitives.ReadUInt32LittleEndian(end), size = BinaryPrimitives.ReadUInt32LittleEndian(end[4..]);
        try
        {
            long total = Unpack(raw, long.MaxValue, path).Total;
            // One member: GZipStream has compared the checksum itself. Several: only the last one's end can be missing.
            if ((uint)total != size && (size > total || Unpack(raw, total - size, path).Crc != crc)) throw Truncated(path);
        }
        catch (InvalidDataException)
        {
            throw new DataFormatException(path, 0, "is not valid gzip; its content is damaged");
        }
    }

    private static DataFormatException Truncated(string path) => new(path, 0, "the gzip data is cut short; fetch the file again");

    private static (long Total, uint Crc) Unpack(Stream raw, long crcFrom, string path)
    {
        raw.Position = 0;
        using var unpacked = new GZipStream(raw, CompressionMode.Decompress, leaveOpen: true);
        var block = new byte[1 << 16];
        long total = 0, most = Limits.UnpackedBytes(raw.Length);
        uint crc = uint.MaxValue;
        for (int n; (n = unpacked.Read(block)) > 0; total += n)
        {
            if (total + n > most)
                throw new DataFormatException(path, 0, $"unpacks to over {Limits.Ratio} times its size, which no text does; unpack it first (gunzip) if it is meant so");
            for (int i = (int)Math.Clamp(crcFrom - total, 0, n); i < n; i++)
                crc = s_crcTable[(byte)(crc ^ block[i])] ^ (crc >> 8);
        }
        return (total, ~crc);
    }

    private static uint[] BuildCrcTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint c = i;
            for (int bit = 0; bit < 8; bit++) c = (c & 1) == 0 ? c >> 1 : 0xEDB88320 ^ (c >> 1);
            table[i] = c;
        }
        return table;
    }
}
