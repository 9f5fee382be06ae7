namespace SparseRM.Text.Jinja;

/// <summary>What takes strings apart: split, rsplit, splitlines, partition.</summary>
internal static class JinjaTextSplit
{
    private const long PartSize = 160;

    /// <summary>Python's <c>split</c>: at a separator, or at blanks where it is none.</summary>
    public static JinjaList Split(TracedText text, object? separator, long most, JinjaBudget budget)
    {
        budget.Build(text.Text.Length);
        return new JinjaList(separator is null ? AtBlanks(text, most, budget) : At(text, Separator(separator), most, budget));
    }

    /// <summary>Python's <c>rsplit</c>.</summary>
    public static JinjaList SplitFromEnd(TracedText text, object? separator, long most, JinjaBudget budget)
    {
        budget.Build(text.Text.Length);
        var parts = separator is null ? AtBlanksFromEnd(text, most, budget) : AtFromEnd(text, Separator(separator), most, budget);
        parts.Reverse();
        return new JinjaList(parts);
    }

    /// <summary>Python's <c>splitlines</c>.</summary>
    public static JinjaList Lines(TracedText text, bool keepEnds, JinjaBudget budget)
    {
        budget.Build(text.Text.Length);
        var lines = new List<object?>();
        for (int at = 0; at < text.Text.Length;)
        {
            int end = text.Text.AsSpan(at).IndexOfAny("\n\r\v\f\u001C\u001D\u001E\u0085\u2028\u2029");
            end = end < 0 ? text.Text.Length : at + end;
            int next = Math.Min(end + (string.CompareOrdinal(text.Text, end, "\r\n", 0, 2) == 0 ? 2 : 1), text.Text.Length);
            Add(lines, text, at, keepEnds ? next : end, budget);
            at = next;
        }
        return new JinjaList(lines);
    }

    /// <summary>What is before the separator, the separator, and what is behind it.</summary>
    public static JinjaTuple Partition(TracedText text, string separator, bool last, JinjaBudget budget)
    {
        if (separator.Length == 0) throw new JinjaException("the separator is empty");
        var finder = new PartFinder(separator, budget);
        int at = last ? finder.Last(text.Text, 0, text.Text.Length) : finder.First(text.Text, 0, text.Text.Length);
        budget.Build(text.Text.Length);
        if (at < 0) return last ? new JinjaTuple([TracedText.Empty, TracedText.Empty, text]) : new JinjaTuple([text, TracedText.Empty, TracedText.Empty]);
        return new JinjaTuple([text.Slice(0, at), text.Slice(at, at + separator.Length), text.Slice(at + separator.Length, text.Text.Length)]);
    }

    private static string Separator(object separator) => JinjaValues.Text(separator, "sep").Text is { Length: > 0 } text ? text
        : throw new JinjaException("split at an empty string");

    private static void Add(List<object?> parts, TracedText text, int start, int end, JinjaBudget budget)
    {
        budget.Hold(PartSize);
        budget.Spend(1);
        parts.Add(text.Slice(start, end));
    }

    private static List<object?> At(TracedText text, string separator, long most, JinjaBudget budget)
    {
        var parts = new List<object?>();
        int at = 0;
        var finder = new PartFinder(separator, budget);
        for (int hit; most != 0 && (hit = finder.First(text.Text, at, text.Text.Length)) >= 0; most--)
        {
            Add(parts, text, at, hit, budget);
            at = hit + separator.Length;
        }
        Add(parts, text, at, text.Text.Length, budget);
        return parts;
    }

    private static List<object?> AtFromEnd(TracedText text, string separator, long most, JinjaBudget budget)
    {
        var parts = new List<object?>();
        int end = text.Text.Length;
        var finder = new PartFinder(separator, budget);
        for (int hit; most != 0 && (hit = finder.Last(text.Text, 0, end)) >= 0; most--)
        {
            Add(parts, text, hit + separator.Length, end, budget);
            end = hit;
        }
        Add(parts, text, 0, end, budget);
        return parts;
    }

    private static List<object?> AtBlanks(TracedText text, long most, JinjaBudget budget)
    {
        var parts = new List<object?>();
        budget.Walk(text.Text.Length);
        for (int at = 0; ;)
        {
            while (at < text.Text.Length && PythonText.IsBlank(text.Text[at])) at++;
            if (at == text.Text.Length) return parts;
            int end = at;
            while (end < text.Text.Length && (most == 0 || !PythonText.IsBlank(text.Text[end]))) end++;
            Add(parts, text, at, end, budget);
            (at, most) = (end, most - 1);
        }
    }

    private static List<object?> AtBlanksFromEnd(TracedText text, long most, JinjaBudget budget)
    {
        var parts = new List<object?>();
        budget.Walk(text.Text.Length);
        for (int end = text.Text.Length; ;)
        {
            while (end > 0 && PythonText.IsBlank(text.Text[end - 1])) end--;
            if (end == 0) return parts;
            int at = end;
            while (at > 0 && (most == 0 || !PythonText.IsBlank(text.Text[at - 1]))) at--;
            Add(parts, text, at, end, budget);
            (end, most) = (at, most - 1);
        }
    }
}
