using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace SparseRM.Fitting;

/// <summary>The bytes of one cached hidden state: mark "SRMH", count (i32), key [32], sum of these [16]; then count floats and the sum of the whole [16].</summary>
/// <remarks>A sum is the first half of SHA-256. The header has its own so that a walk over the file trusts its length before reading the floats.</remarks>
internal static class HiddenStateEntry
{
    public const int SumSize = 16;
    public const int HeaderSize = 8 + HiddenStateKey.Size + SumSize;

    /// <summary>Longest state believed: wider than any model, and small enough to allocate.</summary>
    private const int MaxCount = 1 << 24;

    private const uint Mark = 0x484D5253;

    public static long SizeOf(int count) => HeaderSize + ((long)count * sizeof(float)) + SumSize;

    public static byte[] Encode(HiddenStateKey key, ReadOnlySpan<float> state)
    {
        var bytes = new byte[SizeOf(state.Length)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Mark);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), state.Length);
        key.Write(bytes.AsSpan(8));
        Sum(bytes.AsSpan(0, HeaderSize - SumSize), bytes.AsSpan(HeaderSize - SumSize));
        MemoryMarshal.AsBytes(state).CopyTo(bytes.AsSpan(HeaderSize));
        Sum(bytes.AsSpan(0, bytes.Length - SumSize), bytes.AsSpan(bytes.Length - SumSize));
        return bytes;
    }

    /// <summary>Whether the header is whole, and what it announces.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out HiddenStateKey key, out int count)
    {
        (key, count) = (default, 0);
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Mark || !HasSum(header[..HeaderSize])) return false;
        (key, count) = (HiddenStateKey.Read(header[8..]), BinaryPrimitives.ReadInt32LittleEndian(header[4..]));
        return count is >= 0 and <= MaxCount;
    }

    /// <summary>Copies the floats out if the entry is whole and belongs to the key.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> entry, HiddenStateKey key, Span<float> state)
    {
        if (!TryReadHeader(entry, out var found, out int count) || found != key || count != state.Length || !HasSum(entry)) return false;
        MemoryMarshal.Cast<byte, float>(entry[HeaderSize..^SumSize]).CopyTo(state);
        return true;
    }

    private static bool HasSum(ReadOnlySpan<byte> bytes)
    {
        Span<byte> sum = stackalloc byte[SumSize];
        Sum(bytes[..^SumSize], sum);
        return sum.SequenceEqual(bytes[^SumSize..]);
    }

    private static void Sum(ReadOnlySpan<byte> bytes, Span<byte> sum)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        hash[..SumSize].CopyTo(sum);
    }
}
