using System.Globalization;
using System.Text;

namespace SparseRM.Text.Bpe;

/// <summary>What becomes of the matches at which a text is split.</summary>
internal enum SplitBehavior
{
    /// <summary>Each is a piece.</summary>
    Isolated,

    /// <summary>They are left out.</summary>
    Removed,

    /// <summary>Matches that touch are one piece.</summary>
    Contiguous,

    /// <summary>Each ends the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>Each begins the piece after it.</summary>
    MergedWithNext,
}

/// <summary>Finds matches in a piece of text: appends their ranges in order, relative to the piece.</summary>
internal delegate void MatchFinder(ReadOnlySpan<char> piece, List<(int Start, int End)> matches);

/// <summary>Splits pieces at matches, as Hugging Face's tokenizers do.</summary>
internal static class Splitter
{
    /// <summary>Splits every piece; <paramref name="invert"/> takes what lies between the matches for the matches.</summary>
    public static void Split(Pieces pieces, MatchFinder find, SplitBehavior behavior, bool invert = false)
    {
        string text = pieces.Aligned.Text;
        var matches = new List<(int Start, int End)>();
        var parts = new List<(int Start, int End, bool IsMatch)>();
        pieces.Split((range, result) =>
        {
            matches.Clear();
            parts.Clear();
            find(text.AsSpan(range.Start, range.End - range.Start), matches);
            if (matches.Count == 0 && !invert)
            {
                result.Add(range);
                return;
            }
            int at = 0;
            foreach (var (start, end) in matches)
            {
                if (at < start) parts.Add((at, start, invert));
                parts.Add((start, end, !invert));
                at = end;
            }
            if (at < range.End - range.Start) parts.Add((at, range.End - range.Start, invert));
            int first = result.Count;
            Join(parts, behavior, result);
            for (int i = first; i < result.Count; i++) result[i] = (result[i].Start + range.Start, result[i].End + range.Start);
        });
    }

    /// <summary>Matches of a fixed text.</summary>
    public static MatchFinder Literal(string pattern) => (piece, matches) =>
    {
        for (int at = 0; piece[at..].IndexOf(pattern, StringComparison.Ordinal) is var offset && offset >= 0; at += offset + pattern.Length)
            matches.Add((at + offset, at + offset + pattern.Length));
    };

    /// <summary>Each digit (Unicode's numbers of every kind).</summary>
    public static void Digits(ReadOnlySpan<char> piece, List<(int Start, int End)> matches) =>
        Runes(piece, matches, static rune => Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber);

    /// <summary>Each punctuation character (Unicode's, and all of ASCII's that are neither letters nor digits).</summary>
    public static void Punctuation(ReadOnlySpan<char> piece, List<(int Start, int End)> matches) =>
        Runes(piece, matches, static rune => Rune.GetUnicodeCategory(rune)
            is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation
            || (rune.IsAscii && rune.Value is > ' ' and < 0x7F && !Rune.IsLetterOrDigit(rune)));

    private static void Runes(ReadOnlySpan<char> piece, List<(int Start, int End)> matches, Func<Rune, bool> isMatch)
    {
        for (int at = 0; at < piece.Length;)
        {
            Rune.DecodeFromUtf16(piece[at..], out var rune, out int length);
            if (isMatch(rune)) matches.Add((at, at + length));
            at += length;
        }
    }

    private static void Join(List<(int Start, int End, bool IsMatch)> parts, SplitBehavior behavior, List<(int Start, int End)> result)
    {
        for (int i = 0; i < parts.Count; i++)
        {
            var (start, end, isMatch) = parts[i];
            bool afterMatch = i > 0 && parts[i - 1].IsMatch;
            bool joins = i > 0 && behavior switch
            {
                SplitBehavior.Contiguous => isMatch == afterMatch,
                SplitBehavior.MergedWithPrevious => isMatch && !afterMatch,
                // A match begins the next piece, unless that is a match itself.
                SplitBehavior.MergedWithNext => afterMatch && !isMatch,
                _ => false,
            };
            if (joins) result[^1] = (result[^1].Start, end);
            else if (behavior != SplitBehavior.Removed || !isMatch) result.Add((start, end));
        }
    }
}
