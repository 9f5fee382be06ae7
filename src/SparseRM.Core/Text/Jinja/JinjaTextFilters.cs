using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>Filters of strings.</summary>
internal static class JinjaTextFilters
{
    /// <summary>The text with HTML's characters escaped, marked as safe; what is marked stays.</summary>
    public static TracedText Escape(TracedText text, JinjaBudget budget)
    {
        if (text.IsMarkup) return text;
        budget.Build(5L * text.Text.Length);
        budget.Walk(text.Text.Length);
        return text.Map(Escaped).AsMarkup();

        static string Escaped(string whole, int start, int end)
        {
            var escaped = new StringBuilder(end - start);
            foreach (char c in whole.AsSpan(start, end - start))
                _ = c switch
                {
                    '&' => escaped.Append("&amp;"),
                    '<' => escaped.Append("&lt;"),
                    '>' => escaped.Append("&gt;"),
                    '\'' => escaped.Append("&#39;"),
                    '"' => escaped.Append("&#34;"),
                    _ => escaped.Append(c),
                };
            return escaped.ToString();
        }
    }

    /// <summary>Python's <c>%</c> with the filter's arguments.</summary>
    public static TracedText Format(object? value, JinjaArguments a)
    {
        var positional = a.TakeRest();
        var named = a.TakeNamed();
        if (positional.Count > 0 && named.Count > 0) throw new JinjaException("format takes arguments by position or by name, not both");
        var format = JinjaPrint.Print(value, a.Budget);
        if (format.IsMarkup) throw new JinjaException("format of a string that is marked as safe is not supported");
        if (named.Count == 0) return JinjaPercentFormat.Apply(format, new JinjaTuple(positional), a.Budget);
        var dict = new JinjaDict();
        foreach (var (name, argument) in named) dict.Set(name, argument);
        return JinjaPercentFormat.Apply(format, dict, a.Budget);
    }

    /// <summary>The lines moved to the right.</summary>
    public static TracedText Indent(object? value, JinjaArguments a)
    {
        object? width = a.Take("width", 4L);
        bool firstToo = a.Flag("first"), blankToo = a.Flag("blank");
        var margin = width as TracedText;
        if (margin is null)
        {
            long blanks = Math.Max(JinjaValues.Integer(width, "the width of indent"), 0);
            a.Budget.Build(blanks);
            margin = TracedText.Of(new string(' ', (int)blanks));
        }
        var text = JinjaPrint.Print(value, a.Budget);
        var lines = JinjaTextSplit.Lines(text.Concat(TracedText.Of("\n")), keepEnds: false, a.Budget).Items;
        var result = new TracedText.Builder();
        for (int i = 0; i < lines.Count; i++)
        {
            var line = (TracedText)lines[i]!;
            a.Budget.Hold(margin.Size + line.Size);
            a.Budget.Read(margin.Text.Length + line.Text.Length);
            if (i > 0) result.Append("\n", TextSpan.Template);
            if (i == 0 ? firstToo : blankToo || line.Text.Length > 0) result.Append(margin);
            result.Append(line);
        }
        return result.ToText().AsMarkup(text.IsMarkup);
    }

    /// <summary>A part replaced by another, both printed.</summary>
    public static TracedText Replace(object? value, JinjaArguments a)
    {
        var text = JinjaPrint.Print(value, a.Budget).AsMarkup(false);
        var (old, by) = (JinjaPrint.Print(a.Take("old"), a.Budget), JinjaPrint.Print(a.Take("new"), a.Budget));
        long count = a.Take("count", null) is { } most ? JinjaValues.Integer(most, "count") : -1;
        return JinjaTextSearch.Replace(text, old, by, count, a.Budget);
    }

    /// <summary>Each word with a capital; words end at blanks, hyphens and opening brackets.</summary>
    public static TracedText Title(TracedText text, JinjaBudget budget)
    {
        budget.Build(2L * text.Text.Length);
        budget.Walk(text.Text.Length);
        var result = new TracedText.Builder();
        for (int at = 0; at < text.Text.Length;)
        {
            int end = at;
            bool separator = IsSeparator(text.Text[at]);
            while (end < text.Text.Length && IsSeparator(text.Text[end]) == separator) end++;
            int first = separator ? end : at + (char.IsHighSurrogate(text.Text[at]) ? 2 : 1);
            budget.Hold(96);
            result.Append(text.Slice(at, first).Map(PythonText.Upper));
            result.Append(text.Slice(first, end).Map(PythonText.Lower));
            at = end;
        }
        return result.ToText().AsMarkup(false);

        static bool IsSeparator(char c) => c is '-' or '(' or '{' or '[' or '<' || PythonText.IsBlank(c);
    }

    /// <summary>The text cut to a length, at a blank where there is one.</summary>
    public static TracedText Truncate(object? value, JinjaArguments a)
    {
        var text = JinjaPrint.Print(value, a.Budget);
        long length = a.Integer("length", 255);
        bool inWords = a.Flag("killwords");
        var end = a.TryTake("end", out object? given) ? JinjaValues.Text(given, "end") : TracedText.Of("...");
        long leeway = a.Take("leeway", null) is { } most ? JinjaValues.Integer(most, "leeway") : 5;
        if (length < end.CodePoints || leeway < 0) throw new JinjaException("truncate takes a length that the end fits in, and a leeway from 0");
        if (text.CodePoints <= length + leeway) return text;
        a.Budget.Build(text.Text.Length);
        var cut = text.Slice(0, text.PositionOf((int)length - end.CodePoints));
        int blank = inWords ? -1 : cut.Text.LastIndexOf(' ');
        return (blank < 0 ? cut : cut.Slice(0, blank)).Concat(end);
    }

    /// <summary>Number of words: letters, digits and underscores in a row.</summary>
    public static object WordCount(TracedText text, JinjaBudget budget)
    {
        budget.Walk(text.Text.Length);
        long words = 0;
        bool inside = false;
        foreach (var rune in text.Text.EnumerateRunes())
        {
            bool word = rune.Value == '_' || Rune.IsLetter(rune) || PythonText.IsNumeric(rune);
            if (word && !inside) words++;
            inside = word;
        }
        return words;
    }

    /// <summary>A string quoted for an address, or the pairs of a mapping or list as a query.</summary>
    public static TracedText UrlEncode(object? value, JinjaArguments a)
    {
        if (value is TracedText or not (JinjaDict or JinjaList or JinjaIterator or JinjaView)) return Quote(value, "/", a.Budget);
        var pairs = value is JinjaDict dict ? JinjaMethods.Pairs(dict, a.Budget) : JinjaValues.Items(value, a.Budget);
        var result = new TracedText.Builder();
        for (int i = 0; i < pairs.Count; i++)
        {
            var parts = JinjaValues.Items(pairs[i], a.Budget);
            if (parts.Count != 2) throw new JinjaException("urlencode takes a string, a mapping or pairs");
            if (i > 0) result.Append("&", TextSpan.Template);
            result.Append(Query(parts[0]));
            result.Append("=", TextSpan.Template);
            result.Append(Query(parts[1]));
        }
        return result.ToText();

        TracedText Query(object? part) => Quote(part, "", a.Budget).Map((whole, start, end) =>
            whole[start..end].Replace("%20", "+", StringComparison.Ordinal));
    }

    private static TracedText Quote(object? value, string safe, JinjaBudget budget)
    {
        var text = JinjaPrint.Print(value, budget).AsMarkup(false);
        budget.Build(9L * text.Text.Length);
        budget.Walk(text.Text.Length);
        return text.Map((whole, start, end) => string.Concat(Encoding.UTF8.GetBytes(whole[start..end]).Select(b =>
            char.IsAsciiLetterOrDigit((char)b) || "_.-~".Contains((char)b, StringComparison.Ordinal) || safe.Contains((char)b, StringComparison.Ordinal)
                ? ((char)b).ToString() : $"%{b:X2}")));
    }
}
