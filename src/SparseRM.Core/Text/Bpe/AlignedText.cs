using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Text on its way through a tokenizer's normalizers, and the range of the original text from which each of its characters comes.</summary>
internal sealed class AlignedText
{
    // More than any text that is read; a chain of replacements that each lengthen the text must end somewhere.
    private const int MaxLength = 1 << 27;
    private readonly int _offset;
    private readonly (int Start, int End)[]? _origin;

    private AlignedText(string text, int offset, (int Start, int End)[]? origin) => (Text, _offset, _origin) = (text, offset, origin);

    /// <summary>The text as it now is.</summary>
    public string Text { get; }

    /// <summary>The characters [start, end) of an original text.</summary>
    public static AlignedText Of(string original, int start, int end) => new(original[start..end], start, null);

    /// <summary>Range of the original from which the characters [start, end) come; not empty.</summary>
    public (int Start, int End) Origin(int start, int end) =>
        _origin is null ? (_offset + start, _offset + end) : (_origin[start].Start, _origin[end - 1].End);

    /// <summary>The text in composed form (NFC).</summary>
    public AlignedText Composed()
    {
        string text = Nfc.Normalize(Text, out var ranges);
        return ranges is null ? this : new AlignedText(text, 0, Array.ConvertAll(ranges, range => Origin(range.Start, range.End)));
    }

    /// <summary>The text with every <paramref name="old"/> written as <paramref name="replacement"/>.</summary>
    public AlignedText WithCharacter(char old, char replacement) => new(Text.Replace(old, replacement), _offset, _origin);

    /// <summary>The text with each of the ranges, ascending and without overlap, written as <paramref name="replacement"/>; an empty range is an insertion.</summary>
    public AlignedText With(IReadOnlyList<(int Start, int End)> ranges, string replacement)
    {
        if (ranges.Count == 0) return this;
        if (Text.Length + (long)ranges.Count * replacement.Length > MaxLength)
            throw new SparseRMException($"the tokenizer's normalizers make more than {MaxLength} characters of this text; use the tokenizer that the model came with");
        var text = new StringBuilder(Text.Length + ranges.Count * replacement.Length);
        var origin = new List<(int, int)>(text.Capacity);
        int at = 0;
        foreach (var (start, end) in ranges)
        {
            Copy(at, start, text, origin);
            int from = start < Text.Length ? Origin(start, start + 1).Start : Origin(start - 1, start).End;
            // As Hugging Face's tokenizers have it, what is written instead comes from the last character that was there.
            var source = start < end ? Origin(end - 1, end) : (from, from);
            text.Append(replacement);
            for (int i = 0; i < replacement.Length; i++) origin.Add(source);
            at = end;
        }
        Copy(at, Text.Length, text, origin);
        return new AlignedText(text.ToString(), 0, [.. origin]);
    }

    /// <summary>The text in the alphabet in which byte-level vocabularies spell bytes; <paramref name="positions"/> becomes the new position of each old one.</summary>
    public AlignedText SpelledAsBytes(out int[] positions)
    {
        var text = new StringBuilder(Text.Length + Text.Length / 8);
        var origin = new List<(int, int)>(text.Capacity);
        positions = new int[Text.Length + 1];
        Span<byte> bytes = stackalloc byte[4];
        for (int at = 0; at < Text.Length;)
        {
            Rune.DecodeFromUtf16(Text.AsSpan(at), out var rune, out int length);
            positions.AsSpan(at, length).Fill(text.Length);
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++)
            {
                text.Append(ByteAlphabet.CharOf(bytes[i]));
                origin.Add(Origin(at, at + length));
            }
            at += length;
        }
        positions[Text.Length] = text.Length;
        return new AlignedText(text.ToString(), 0, [.. origin]);
    }

    private void Copy(int start, int end, StringBuilder text, List<(int, int)> origin)
    {
        text.Append(Text, start, end - start);
        for (int i = start; i < end; i++) origin.Add(Origin(i, i + 1));
    }
}
