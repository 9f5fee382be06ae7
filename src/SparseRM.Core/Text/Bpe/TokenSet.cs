namespace SparseRM.Text.Bpe;

/// <summary>A fixed set of texts in which those that begin at a position of another text are found.</summary>
/// <remarks>Sorted, so that it takes no more memory than the texts; a lookup takes the length of the match times the logarithm of the number of texts.</remarks>
internal sealed class TokenSet
{
    private readonly string[] _texts;
    private readonly int[] _values;
    private readonly System.Buffers.SearchValues<char> _firsts;

    /// <summary>Takes texts with a value each; of equal texts the first counts, empty ones are left out.</summary>
    public TokenSet(IEnumerable<(string Text, int Value)> entries)
    {
        var unique = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (text, value) in entries)
            if (text.Length > 0) unique.TryAdd(text, value);
        _texts = [.. unique.Keys];
        Array.Sort(_texts, StringComparer.Ordinal);
        _values = Array.ConvertAll(_texts, text => unique[text]);
        _firsts = System.Buffers.SearchValues.Create([.. _texts.Select(text => text[0]).Distinct()]);
    }

    /// <summary>Whether the set has no text.</summary>
    public bool IsEmpty => _texts.Length == 0;

    /// <summary>First position from <paramref name="start"/> on at which a text of the set may begin, or the length of <paramref name="text"/>.</summary>
    public int Candidate(ReadOnlySpan<char> text, int start)
    {
        int offset = text[start..].IndexOfAny(_firsts);
        return offset < 0 ? text.Length : start + offset;
    }

    /// <summary>Appends the lengths and values of all texts with which <paramref name="text"/> begins, the shortest first.</summary>
    public void Match(ReadOnlySpan<char> text, List<(int Length, int Value)> matches)
    {
        var (low, high) = (0, _texts.Length);
        for (int depth = 0; low < high; depth++)
        {
            if (_texts[low].Length == depth)
            {
                matches.Add((depth, _values[low]));
                low++;
            }
            if (depth == text.Length) return;
            low = LowerBound(low, high, depth, text[depth]);
            high = LowerBound(low, high, depth, text[depth] + 1);
        }
    }

    // First of [low, high) whose character at depth is at least c; all of them are longer than depth and equal before it.
    private int LowerBound(int low, int high, int depth, int c)
    {
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_texts[middle][depth] < c) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
