using System.IO.Compression;
using System.Text;

namespace SparseRM.Core.Tests.Weights;

/// <summary>Zip files, .npy members and hostile edits of them.</summary>
internal static class ZipBytes
{
    public static byte[] Of(bool deflated, params (string Name, byte[] Bytes)[] members)
    {
        using var buffer = new MemoryStream();
        using (var zip = new ZipArchive(buffer, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in members)
            {
                using var stream = zip.CreateEntry(name, deflated ? CompressionLevel.Optimal : CompressionLevel.NoCompression).Open();
                stream.Write(bytes);
            }
        }
        return buffer.ToArray();
    }

    public static byte[] Npy(string header, byte[] data, byte version = 1)
    {
        byte[] text = Encoding.Latin1.GetBytes(header + "\n");
        byte[] length = version == 1 ? [(byte)text.Length, (byte)(text.Length >> 8)] : [(byte)text.Length, (byte)(text.Length >> 8), 0, 0];
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. data];
    }

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    /// <summary>Offset of the n-th central directory entry.</summary>
    public static int Central(byte[] zip, int entry = 0) => Find(zip, [0x50, 0x4B, 1, 2], entry);

    public static int End(byte[] zip) => Find(zip, [0x50, 0x4B, 5, 6], 0);

    public static byte[] With(byte[] zip, int at, params byte[] bytes)
    {
        byte[] edited = [.. zip];
        bytes.CopyTo(edited, at);
        return edited;
    }

    /// <summary>A zip of one stored member whose sizes and directory stand only in zip64 fields.</summary>
    public static byte[] Zip64(byte[] zip)
    {
        int central = Central(zip), end = End(zip), nameLength = BitConverter.ToUInt16(zip, central + 28);
        byte[] extra = [1, 0, 24, 0, .. Wide(zip, central + 24), .. Wide(zip, central + 20), .. Wide(zip, central + 42)];
        byte[] entry = [.. zip[central..(central + 46 + nameLength)], .. extra];
        entry.AsSpan(20, 8).Fill(0xFF);
        entry.AsSpan(42, 4).Fill(0xFF);
        entry[30] = (byte)extra.Length;
        byte[] wideEnd = [0x50, 0x4B, 6, 6, 44, .. new byte[27], 1, .. new byte[7], .. BitConverter.GetBytes((long)entry.Length), .. BitConverter.GetBytes((long)central)];
        byte[] locator = [0x50, 0x4B, 6, 7, 0, 0, 0, 0, .. BitConverter.GetBytes((long)(central + entry.Length)), 1, 0, 0, 0];
        byte[] narrowEnd = zip[end..];
        narrowEnd.AsSpan(8, 12).Fill(0xFF);
        return [.. zip[..central], .. entry, .. wideEnd, .. locator, .. narrowEnd];
    }

    private static byte[] Wide(byte[] bytes, int at) => BitConverter.GetBytes((long)BitConverter.ToUInt32(bytes, at));

    private static int Find(byte[] zip, byte[] signature, int skip)
    {
        int at = zip.AsSpan().IndexOf(signature);
        for (; skip > 0; skip--) at += 4 + zip.AsSpan(at + 4).IndexOf(signature);
        return at;
    }
}
