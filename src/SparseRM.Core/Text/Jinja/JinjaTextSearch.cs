namespace SparseRM.Text.Jinja;

/// <summary>What looks for parts of strings: strip, find, count, replace, join, startswith.</summary>
internal static class JinjaTextSearch
{
    /// <summary>Python's <c>strip</c> and its halves; without characters, blanks go.</summary>
    public static TracedText Strip(TracedText text, object? characters, bool left, bool right, JinjaBudget budget)
    {
        HashSet<int>? set = null;
        if (characters is not null)
        {
            string given = JinjaValues.Text(characters, "chars").Text;
            budget.Walk(given.Length);
            budget.Hold(Math.Min(given.Length, 0x110000) * 8L);
            set = [.. given.EnumerateRunes().Select(rune => rune.Value)];
        }
        int start = 0, end = text.Text.Length;
        while (left && start < end && Goes(start)) start += char.IsHighSurrogate(text.Text[start]) ? 2 : 1;
        while (right && end > start)
        {
            int last = end > 1 && char.IsLowSurrogate(text.Text[end - 1]) ? end - 2 : end - 1;
            if (!Goes(last)) break;
            end = last;
        }
        budget.Walk(text.Text.Length - (end - start));
        budget.Build(end - start);
        return text.Slice(start, end);

        bool Goes(int at) => set is null ? PythonText.IsBlank(text.Text[at]) : set.Contains(char.ConvertToUtf32(text.Text, at));
    }

    /// <summary>Every occurrence (or the first ones) of a part replaced.</summary>
    public static TracedText Replace(TracedText text, TracedText old, TracedText by, long count, JinjaBudget budget)
    {
        string part = old.Text;
        budget.Build(text.Text.Length);
        var finder = new PartFinder(part, budget);
        var result = new TracedText.Builder();
        int at = 0;
        for (int hit = Next(0, first: true); count != 0 && hit >= 0; count--)
        {
            budget.Hold(2L * (hit - at) + by.Size);
            budget.Read(hit - at + by.Text.Length);
            result.Append(text, at, hit);
            result.Append(by);
            at = hit + part.Length;
            hit = Next(at, first: false);
        }
        result.Append(text, at, text.Text.Length);
        return result.ToText();

        // An empty part is before every character and at the end.
        int Next(int from, bool first)
        {
            if (part.Length > 0) return finder.First(text.Text, from, text.Text.Length);
            if (first) return 0;
            return from < text.Text.Length ? from + (char.IsHighSurrogate(text.Text[from]) ? 2 : 1) : -1;
        }
    }

    /// <summary>Items printed one after the other with a separator between them.</summary>
    public static TracedText Join(List<object?> items, TracedText separator, JinjaBudget budget)
    {
        var result = new TracedText.Builder();
        for (int i = 0; i < items.Count; i++)
        {
            var item = JinjaPrint.Print(items[i], budget);
            budget.Hold(item.Size + separator.Size);
            budget.Read(item.Text.Length + separator.Text.Length);
            if (i > 0) result.Append(separator);
            result.Append(item);
        }
        return result.ToText();
    }

    /// <summary>Python's <c>startswith</c> or <c>endswith</c>: a part or a tuple of parts, within bounds.</summary>
    public static object HasEnd(TracedText text, JinjaArguments a, bool atStart)
    {
        object? parts = a.Take(atStart ? "prefix" : "suffix");
        if (!TryWindow(text, a, out int from, out int to)) return false;
        var all = parts is JinjaTuple several ? several.Items : [parts];
        return all.Exists(part =>
        {
            string given = JinjaValues.Text(part, "the part").Text;
            a.Budget.Read(given.Length);
            var window = text.Text.AsSpan(from, to - from);
            return atStart ? window.StartsWith(given, StringComparison.Ordinal) : window.EndsWith(given, StringComparison.Ordinal);
        });
    }

    /// <summary>Position of the first or last occurrence in code points, or -1.</summary>
    public static long Find(TracedText text, JinjaArguments a, bool last)
    {
        string part = a.Text("sub").Text;
        if (!TryWindow(text, a, out int from, out int to)) return -1;
        if (part.Length == 0) return text.IndexOf(last ? to : from);
        var finder = new PartFinder(part, a.Budget);
        int at = last ? finder.Last(text.Text, from, to) : finder.First(text.Text, from, to);
        return at < 0 ? -1 : text.IndexOf(at);
    }

    /// <summary>Number of occurrences that do not overlap.</summary>
    public static object Count(TracedText text, JinjaArguments a)
    {
        string part = a.Text("sub").Text;
        if (!TryWindow(text, a, out int from, out int to)) return 0L;
        if (part.Length == 0) return (long)text.IndexOf(to) - text.IndexOf(from) + 1;
        var finder = new PartFinder(part, a.Budget);
        long count = 0;
        while ((from = finder.First(text.Text, from, to)) >= 0)
        {
            count++;
            from += part.Length;
        }
        return count;
    }

    // The arguments start and end, in code points, as UTF-16 positions; false where the start is behind the text's end.
    private static bool TryWindow(TracedText text, JinjaArguments a, out int from, out int to)
    {
        int count = text.CodePoints;
        long start = Bound(a.Take("start", null), 0), end = Math.Min(Bound(a.Take("end", null), count), count);
        (from, to) = (0, 0);
        if (start > end) return false;
        (from, to) = (text.PositionOf((int)start), text.PositionOf((int)end));
        return true;

        long Bound(object? value, long otherwise)
        {
            if (value is null) return otherwise;
            long bound = JinjaValues.Integer(value, "a bound");
            return bound < 0 ? Math.Max(bound + count, 0) : bound;
        }
    }
}
