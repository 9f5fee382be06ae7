namespace SparseRM.Text.Jinja;

/// <summary>Finds a part in texts in linear time, whatever both hold (Knuth, Morris and Pratt where the part is long).</summary>
internal sealed class PartFinder
{
    private const int LongPart = 32;
    private readonly string _part;
    private readonly JinjaBudget _budget;
    private int[]? _forward, _backward;

    /// <summary>A finder of a part that is not empty.</summary>
    public PartFinder(string part, JinjaBudget budget) => (_part, _budget) = (part, budget);

    /// <summary>Position of the first occurrence within [from, to), or -1.</summary>
    public int First(string text, int from, int to)
    {
        if (_part.Length <= LongPart) return text.AsSpan(from, to - from).IndexOf(_part, StringComparison.Ordinal) is >= 0 and var at ? from + at : -1;
        _forward ??= Table(i => _part[i]);
        int matched = 0;
        for (int i = from; i < to; i++)
        {
            while (matched > 0 && text[i] != _part[matched]) matched = _forward[matched - 1];
            if (text[i] == _part[matched] && ++matched == _part.Length)
            {
                _budget.Walk(i + 1 - from);
                return i + 1 - matched;
            }
        }
        _budget.Walk(to - from);
        return -1;
    }

    /// <summary>Position of the last occurrence within [from, to), or -1.</summary>
    public int Last(string text, int from, int to)
    {
        if (_part.Length <= LongPart) return text.AsSpan(from, to - from).LastIndexOf(_part, StringComparison.Ordinal) is >= 0 and var at ? from + at : -1;
        _backward ??= Table(i => _part[^(i + 1)]);
        int matched = 0;
        for (int i = to - 1; i >= from; i--)
        {
            while (matched > 0 && text[i] != _part[^(matched + 1)]) matched = _backward[matched - 1];
            if (text[i] == _part[^(matched + 1)] && ++matched == _part.Length)
            {
                _budget.Walk(to - i);
                return i;
            }
        }
        _budget.Walk(to - from);
        return -1;
    }

    // For each prefix the length of its longest proper prefix that is its suffix too.
    private int[] Table(Func<int, char> at)
    {
        _budget.Walk(_part.Length);
        _budget.Hold(4L * _part.Length);
        int[] table = new int[_part.Length];
        for (int i = 1, matched = 0; i < table.Length; i++)
        {
            while (matched > 0 && at(i) != at(matched)) matched = table[matched - 1];
            if (at(i) == at(matched)) matched++;
            table[i] = matched;
        }
        return table;
    }
}
