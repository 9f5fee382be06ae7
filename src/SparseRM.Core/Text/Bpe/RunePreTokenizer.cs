using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace SparseRM.Text.Bpe;

/// <summary>The pre-tokenizer patterns that byte-level families use.</summary>
internal enum PreTokenizerPattern
{
    /// <summary>GPT-2's.</summary>
    Gpt2,

    /// <summary>Llama-3's: digits in groups of up to three.</summary>
    Llama3,

    /// <summary>Qwen2's and Qwen3's: as Llama-3's, each digit alone.</summary>
    Qwen2,
}

/// <summary>Splits text as the families' regular expressions do, with classes that count code points.</summary>
/// <remarks>.NET's regex classes see UTF-16 units, so letters and digits beyond U+FFFF would split wrongly. Linear time.</remarks>
internal sealed class RunePreTokenizer(PreTokenizerPattern pattern) : PreTokenizer
{
    private const string Llama3Start = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}";
    private const string Llama3End = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The regular expressions as tokenizer.json files spell them.</summary>
    public static readonly IReadOnlyDictionary<string, PreTokenizerPattern> Known = new Dictionary<string, PreTokenizerPattern>
    {
        [Llama3Start + "{1,3}" + Llama3End] = PreTokenizerPattern.Llama3,
        [Llama3Start + Llama3End] = PreTokenizerPattern.Qwen2,
        [@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = PreTokenizerPattern.Gpt2,
        [@"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"] = PreTokenizerPattern.Gpt2,
    };

    private enum Kind { Letter, Number, NewLine, Space, Other, End }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        for (int at = 0; at < text.Length;)
        {
            int end = pattern == PreTokenizerPattern.Gpt2 ? EndGpt2(text, at) : EndLlama3(text, at);
            pieces.Add((at, end - at));
            at = end;
        }
        return pieces;
    }

    private int EndLlama3(ReadOnlySpan<char> text, int at)
    {
        int end = EndOfContraction(text, at, ignoreCase: true);
        if (end > at) return end;
        var kind = Next(text, at, out int length);
        if (kind == Kind.Letter) return EndOfRun(text, at, Kind.Letter);
        if (kind is Kind.Other or Kind.Space && Next(text, at + length, out _) == Kind.Letter)
            return EndOfRun(text, at + length, Kind.Letter);
        if (kind == Kind.Number)
            return pattern == PreTokenizerPattern.Qwen2 ? at + length : EndOfRun(text, at, Kind.Number, most: 3);
        int body = text[at] == ' ' ? at + 1 : at;
        if (Next(text, body, out _) == Kind.Other)
        {
            end = EndOfRun(text, body, Kind.Other);
            return EndOfRun(text, end, Kind.NewLine);
        }
        int blank = EndOfBlank(text, at, out int afterLastNewLine);
        return afterLastNewLine > at ? afterLastNewLine : LeaveOne(text, at, blank);
    }

    private static int EndGpt2(ReadOnlySpan<char> text, int at)
    {
        int end = EndOfContraction(text, at, ignoreCase: false);
        if (end > at) return end;
        int body = text[at] == ' ' ? at + 1 : at;
        var kind = Next(text, body, out _);
        if (kind is Kind.Letter or Kind.Number or Kind.Other) return EndOfRun(text, body, kind);
        return LeaveOne(text, at, EndOfBlank(text, at, out _));
    }

    // \s+(?!\S)|\s+ : the last blank before a word is left to the word, unless it is the only one.
    private static int LeaveOne(ReadOnlySpan<char> text, int at, int blank) => blank < text.Length && blank - at > 1 ? blank - 1 : blank;

    private static int EndOfBlank(ReadOnlySpan<char> text, int at, out int afterLastNewLine)
    {
        afterLastNewLine = at;
        for (; Next(text, at, out int length) is var kind && kind is Kind.Space or Kind.NewLine; at += length)
            if (kind == Kind.NewLine) afterLastNewLine = at + length;
        return at;
    }

    private static int EndOfRun(ReadOnlySpan<char> text, int at, Kind kind, int most = int.MaxValue)
    {
        for (; most > 0 && Next(text, at, out int length) == kind; most--) at += length;
        return at;
    }

    private static int EndOfContraction(ReadOnlySpan<char> text, int at, bool ignoreCase)
    {
        if (text[at] != '\'' || at + 1 >= text.Length) return at;
        char first = Fold(text[at + 1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd') return at + 2;
        if (at + 2 >= text.Length) return at;
        char second = Fold(text[at + 2], ignoreCase);
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? at + 3 : at;
    }

    // U+017F (long s) folds to s in a case-insensitive pattern; no other character beyond ASCII folds to a letter of the contractions.
    private static char Fold(char c, bool ignoreCase) =>
        !ignoreCase ? c : c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;

    private static Kind Next(ReadOnlySpan<char> text, int at, out int length)
    {
        length = 0;
        if (at >= text.Length) return Kind.End;
        Rune.DecodeFromUtf16(text[at..], out var rune, out length);
        if (rune.Value is '\r' or '\n') return Kind.NewLine;
        if (Rune.IsWhiteSpace(rune)) return Kind.Space;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
