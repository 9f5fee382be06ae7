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

    private static int Find(byte[] zip, byte[] signature, int skip)
    {
        int at = zip.AsSpan().IndexOf(signature);
        for (; skip > 0; skip--) at += 4 + zip.AsSpan(at + 4).IndexOf(signature);
        return at;
    }
}
