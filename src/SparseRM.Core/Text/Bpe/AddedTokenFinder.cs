using System.Globalization;
using System.Text;

namespace SparseRM.Text.Bpe;

/// <summary>An added token in a text: its own characters [Start, End), and with the blanks that it swallows [From, To).</summary>
internal readonly record struct FoundToken(int Id, int Start, int End, int From, int To);

/// <summary>Finds added tokens as Hugging Face's tokenizers do: the leftmost first, the longest among those that begin there.</summary>
internal sealed class AddedTokenFinder
{
    private readonly TokenSet _patterns;
    private readonly List<AddedToken> _tokens;
    private readonly HashSet<int> _marks;

    /// <summary>Takes tokens and the text by which each is found; special ones go before others of the same text.</summary>
    public AddedTokenFinder(IEnumerable<(AddedToken Token, string Pattern)> tokens, HashSet<int> marks)
    {
        var ordered = tokens.OrderBy(entry => !entry.Token.Special).ToList();
        _tokens = ordered.ConvertAll(entry => entry.Token);
        _patterns = new TokenSet(ordered.Select((entry, index) => (entry.Pattern, index)));
        _marks = marks;
    }

    /// <summary>The tokens of a text in order. Marks are found only where <paramref name="zones"/> allows them in the original.</summary>
    public List<FoundToken> Find(AlignedText aligned, MarkZones zones)
    {
        var found = new List<FoundToken>();
        if (_patterns.IsEmpty) return found;
        string text = aligned.Text;
        var matches = new List<(int Length, int Index)>();
        int free = 0;
        for (int at = 0; (at = _patterns.Candidate(text, at)) < text.Length;)
        {
            matches.Clear();
            _patterns.Match(text.AsSpan(at), matches);
            int best = matches.Count - 1;
            while (best >= 0 && !IsAllowed(aligned, at, at + matches[best].Length, _tokens[matches[best].Index], zones)) best--;
            if (best < 0)
            {
                at++;
                continue;
            }
            var token = _tokens[matches[best].Index];
            int end = at + matches[best].Length;
            if (!token.SingleWord || !(IsWordBefore(text, at) || IsWordAt(text, end)))
            {
                var (from, to) = (at, end);
                if (token.LeftStrip)
                {
                    while (from > free && char.IsWhiteSpace(text[from - 1])) from--;
                    from = Math.Max(from, free);
                }
                if (token.RightStrip)
                    while (to < text.Length && char.IsWhiteSpace(text[to])) to++;
                // A blank that the token before swallowed is not found again by one that swallows what is before it.
                if (from < to) found.Add(new FoundToken(token.Id, at, end, from, to));
                free = to;
            }
            at = end;
        }
        return found;
    }

    // The blanks of a normalized token (the one that a normalizer puts before it) may be anybody's; its other characters must be the template's.
    private bool IsAllowed(AlignedText aligned, int start, int end, AddedToken token, MarkZones zones)
    {
        if (!_marks.Contains(token.Id)) return true;
        if (token.Normalized)
        {
            while (start + 1 < end && IsBlank(aligned.Text[start])) start++;
            while (end - 1 > start && IsBlank(aligned.Text[end - 1])) end--;
        }
        var origin = aligned.Origin(start, end);
        return zones.Allows(origin.Start, origin.End);
    }

    private static bool IsBlank(char c) => c == '\u2581' || char.IsWhiteSpace(c);

    private static bool IsWordBefore(string text, int at) =>
        Rune.DecodeLastFromUtf16(text.AsSpan(0, at), out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    private static bool IsWordAt(string text, int at) =>
        Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    // \w of Unicode's regular expressions: Alphabetic, marks, decimal digits, connectors, joiners. Letters in circles and squares are the
    // only alphabetic symbols.
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.OtherSymbol => rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149)
            or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
        _ => rune.Value is 0x200C or 0x200D,
    };
}
