using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace SparseRM.Fitting;

/// <summary>Names one hidden state by everything that it depends on: SHA-256 over the parts, each with its length before it.</summary>
public readonly record struct HiddenStateKey
{
    private readonly UInt128 _high, _low;

    private HiddenStateKey(ReadOnlySpan<byte> hash)
        => (_high, _low) = (BinaryPrimitives.ReadUInt128LittleEndian(hash), BinaryPrimitives.ReadUInt128LittleEndian(hash[16..]));

    /// <summary>Bytes of a key.</summary>
    public const int Size = 32;

    /// <summary>The key of a state.</summary>
    /// <param name="modelFingerprint">Weights and config.</param>
    /// <param name="tokenizerFingerprint">The tokenizer.</param>
    /// <param name="templateFingerprint">The chat template.</param>
    /// <param name="dtype">Arithmetic: <c>f32</c>, <c>bf16</c>.</param>
    /// <param name="layer">0-based block.</param>
    /// <param name="position">Where the state is read: <c>last</c>, <c>content</c>, <c>mean</c>.</param>
    /// <param name="text">The rendered text, or anything else that fixes the ids together with the tokenizer.</param>
    /// <param name="ids">The token ids.</param>
    public static HiddenStateKey Of(string modelFingerprint, string tokenizerFingerprint, string templateFingerprint, string dtype, int layer,
        string position, string text, ReadOnlySpan<int> ids)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in (ReadOnlySpan<string>)[modelFingerprint, tokenizerFingerprint, templateFingerprint, dtype, position, text])
        {
            // UTF-16 and not UTF-8: lone surrogates would all become the same replacement character.
            AppendLength(hash, part.Length);
            hash.AppendData(MemoryMarshal.AsBytes(part.AsSpan()));
        }
        AppendLength(hash, layer);
        AppendLength(hash, ids.Length);
        hash.AppendData(MemoryMarshal.AsBytes(ids));
        Span<byte> result = stackalloc byte[Size];
        hash.GetHashAndReset(result);
        return new HiddenStateKey(result);
    }

    internal static HiddenStateKey Read(ReadOnlySpan<byte> bytes) => new(bytes);

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, _high);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[16..], _low);
    }

    private static void AppendLength(IncrementalHash hash, int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        hash.AppendData(bytes);
    }
}
