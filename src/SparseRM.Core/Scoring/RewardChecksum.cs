using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>The checksum of a reward file: SHA-256 of all its bytes, header included, in lower-case hex, taken with 64 zeros where it stands itself.</summary>
internal static class RewardChecksum
{
    private const string Key = "checksum";
    private static readonly string s_none = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>Writes a safetensors file with its checksum among the metadata.</summary>
    /// <exception cref="SparseRMException">The file cannot be written; nothing is left behind.</exception>
    public static void Write(string path, IReadOnlyList<TensorToWrite> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var fields = new Dictionary<string, string>(metadata) { [Key] = s_none };
        using (var hash = SHA256.Create())
        {
            using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write)) SafetensorsWriter.WriteTo(stream, path, tensors, fields);
            fields[Key] = Convert.ToHexStringLower(hash.Hash!);
        }
        SafetensorsWriter.Write(path, tensors, fields);
    }

    /// <summary>Computes the checksum again.</summary>
    /// <param name="path">A file whose header was read already.</param>
    /// <param name="expected">What its metadata says.</param>
    /// <exception cref="ModelFormatException">The file is not as it was written.</exception>
    public static void Require(string path, string expected)
    {
        using var file = InputFile.Open(path);
        Span<byte> prefix = stackalloc byte[8];
        InputFile.ReadAt(path, file, prefix, 0);
        var start = new byte[8 + BinaryPrimitives.ReadInt64LittleEndian(prefix)];
        InputFile.ReadAt(path, file, start, 0);
        byte[] field = Encoding.UTF8.GetBytes($"\"{Key}\":\"{expected}\"");
        int at = start.AsSpan().IndexOf(field);
        if (expected.Length != s_none.Length || at < 0) throw Changed(path);
        Encoding.ASCII.GetBytes(s_none, start.AsSpan(at + field.Length - 1 - s_none.Length));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(start);
        var block = new byte[1 << 16];
        long length = RandomAccess.GetLength(file);
        for (long offset = start.Length; offset < length; offset += block.Length)
        {
            var part = block.AsSpan(0, (int)Math.Min(block.Length, length - offset));
            InputFile.ReadAt(path, file, part, offset);
            hash.AppendData(part);
        }
        if (Convert.ToHexStringLower(hash.GetHashAndReset()) != expected) throw Changed(path);
    }

    private static ModelFormatException Changed(string path) =>
        new(path, "is not as it was written: its checksum differs; copy it again from where it came, or fit again");
}
