using System.Text;

namespace SparseRM.Text.Bpe;

/// <summary>The printable alphabet in which byte-level vocabularies spell bytes (GPT-2's <c>bytes_to_unicode</c>): space is Ġ, newline is
/// Ċ.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_charOfByte = Build();
    private static readonly short[] s_byteOfChar = Invert(s_charOfByte);

    /// <summary>The bytes that a vocabulary entry spells, or null where a character is not of the alphabet.</summary>
    public static byte[]? TryDecode(string piece)
    {
        var bytes = new byte[piece.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            int b = piece[i] < s_byteOfChar.Length ? s_byteOfChar[piece[i]] : -1;
            if (b < 0) return null;
            bytes[i] = (byte)b;
        }
        return bytes;
    }

    /// <summary>The character that spells a byte.</summary>
    public static char CharOf(byte b) => s_charOfByte[b];

    /// <summary>The entry that spells bytes.</summary>
    public static string Spell(byte[] bytes) => string.Create(bytes.Length, bytes, static (piece, bytes) =>
    {
        for (int i = 0; i < bytes.Length; i++) piece[i] = s_charOfByte[bytes[i]];
    });

    /// <summary>Bytes as people read them: UTF-8 text, or <c>\xE2\x80</c> where they are only part of a character.</summary>
    public static string Readable(ReadOnlySpan<byte> bytes)
    {
        if (System.Text.Unicode.Utf8.IsValid(bytes)) return Encoding.UTF8.GetString(bytes);
        var text = new StringBuilder();
        foreach (byte b in bytes) text.Append($"\\x{b:X2}");
        return text.ToString();
    }

    private static short[] Invert(char[] charOfByte)
    {
        var bytes = new short[charOfByte.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (int b = 0; b < charOfByte.Length; b++) bytes[charOfByte[b]] = (short)b;
        return bytes;
    }

    private static char[] Build()
    {
        var chars = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
            chars[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)b : (char)next++;
        return chars;
    }
}
