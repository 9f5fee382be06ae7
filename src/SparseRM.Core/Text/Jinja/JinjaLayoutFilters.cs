using System.Text.RegularExpressions;

namespace SparseRM.Text.Jinja;

/// <summary>Filters of a page's layout: wordwrap, striptags, xmlattr.</summary>
internal static partial class JinjaLayoutFilters
{
    /// <summary>Each line folded to a width, as Python's textwrap does it with a wrapstring between.</summary>
    public static TracedText WordWrap(object? value, JinjaArguments a)
    {
        var text = JinjaValues.Text(value, "the value of wordwrap");
        long width = a.Integer("width", 79);
        bool breakWords = a.Flag("break_long_words", true);
        var between = a.Take("wrapstring", null) is { } given ? JinjaValues.Text(given, "wrapstring") : TracedText.Of("\n");
        bool onHyphens = a.Flag("break_on_hyphens", true);
        var result = new TracedText.Builder();
        bool first = true;
        foreach (object? item in JinjaTextSplit.Lines(text, keepEnds: false, a.Budget).Items)
        {
            if (width <= 0) throw new JinjaException("wordwrap takes a width above 0");
            var line = (TracedText)item!;
            a.Budget.Walk(8L * line.Text.Length);
            var folded = Fold(line, (int)Math.Min(width, int.MaxValue), breakWords, onHyphens, a.Budget);
            // A blank line is a line, too.
            if (folded.Count == 0) folded.Add((0, 0));
            foreach (var (start, end) in folded)
            {
                a.Budget.Hold(between.Size + 2L * (end - start));
                a.Budget.Read(between.Text.Length);
                if (!first) result.Append(between);
                first = false;
                result.Append(line, start, end);
            }
        }
        return result.ToText();
    }

    // textwrap.TextWrapper._wrap_chunks: lines as parts of the text, which is never changed but for the blanks between.
    private static List<(int Start, int End)> Fold(TracedText line, int width, bool breakWords, bool onHyphens, JinjaBudget budget)
    {
        var lines = new List<(int, int)>();
        var chunks = new Queue<(int Start, int End)>(Chunks(line.Text, onHyphens));
        budget.Items(chunks.Count);
        (int Start, int End)? rest = null;
        while (rest is not null || chunks.Count > 0)
        {
            if (lines.Count > 0 && IsBlank(line.Text, Peek())) Take();
            if (rest is null && chunks.Count == 0) break;
            int start = Peek().Start, end = start, length = 0, lastStart = start;
            while ((rest is not null || chunks.Count > 0) && length + Length(line, Peek()) <= width)
            {
                var (from, to) = Take();
                (lastStart, end, length) = (from, to, length + Length(line, (from, to)));
            }
            if ((rest is not null || chunks.Count > 0) && Length(line, Peek()) > width)
            {
                var word = Take();
                if (breakWords)
                {
                    int left = width - length, cut = Cut(line, word, left, onHyphens);
                    (lastStart, end) = (word.Start, cut);
                    rest = cut < word.End ? (cut, word.End) : null;
                }
                else if (length == 0 && end == start) (lastStart, end) = word;
                else rest = word;
            }
            if (end > start && IsBlank(line.Text, (lastStart, end))) end = lastStart;
            if (end > start) lines.Add((start, end));
            budget.Spend(1);
        }
        return lines;

        (int Start, int End) Peek() => rest ?? chunks.Peek();

        (int Start, int End) Take()
        {
            var taken = rest ?? chunks.Dequeue();
            rest = null;
            return taken;
        }
    }

    private static int Cut(TracedText line, (int Start, int End) word, int left, bool onHyphens)
    {
        int limit = line.PositionOf(Math.Min(line.IndexOf(word.Start) + left, line.IndexOf(word.End)));
        if (!onHyphens || Length(line, word) <= left || limit == word.Start) return limit;
        int hyphen = line.Text.LastIndexOf('-', limit - 1, limit - word.Start);
        return hyphen > word.Start && line.Text.AsSpan(word.Start, hyphen - word.Start).ContainsAnyExcept('-') ? hyphen + 1 : limit;
    }

    private static int Length(TracedText line, (int Start, int End) chunk) => line.IndexOf(chunk.End) - line.IndexOf(chunk.Start);

    private static bool IsBlank(string text, (int Start, int End) chunk)
    {
        for (int i = chunk.Start; i < chunk.End; i++)
            if (!PythonText.IsBlank(text[i])) return false;
        return true;
    }

    private static IEnumerable<(int Start, int End)> Chunks(string text, bool onHyphens)
    {
        int at = 0;
        foreach (Match match in (onHyphens ? Words() : Blanks()).Matches(text))
        {
            if (match.Index > at) yield return (at, match.Index);
            if (match.Length > 0) yield return (match.Index, match.Index + match.Length);
            at = match.Index + match.Length;
        }
        if (at < text.Length) yield return (at, text.Length);
    }

    /// <summary>The text without comments and tags, blanks as one, entities as what they stand for.</summary>
    public static TracedText StripTags(object? value, JinjaBudget budget)
    {
        var text = JinjaPrint.Print(value, budget).AsMarkup(false);
        // A comment that is taken out may leave the mark of another.
        for (int start; (start = text.Text.IndexOf("<!--", StringComparison.Ordinal)) >= 0;)
        {
            int end = text.Text.IndexOf("-->", start, StringComparison.Ordinal);
            if (end < 0) break;
            budget.Build(text.Text.Length);
            text = text.Slice(0, start).Concat(text.Slice(end + 3, text.Text.Length));
        }
        budget.Build(2L * text.Text.Length);
        budget.Walk(text.Text.Length);
        var plain = new TracedText.Builder();
        for (int at = 0; at < text.Text.Length;)
        {
            int start = text.Text.IndexOf('<', at), end = start < 0 ? -1 : text.Text.IndexOf('>', start);
            plain.Append(text, at, end < 0 ? text.Text.Length : start);
            at = end < 0 ? text.Text.Length : end + 1;
        }
        return JinjaEntities.Unescape(OneBlank(plain.ToText()));
    }

    private static TracedText OneBlank(TracedText text)
    {
        var result = new TracedText.Builder();
        for (int at = 0; at < text.Text.Length;)
        {
            int start = at;
            bool blank = PythonText.IsBlank(text.Text[at]);
            while (at < text.Text.Length && PythonText.IsBlank(text.Text[at]) == blank) at++;
            if (!blank) result.Append(text, start, at);
            else if (start > 0 && at < text.Text.Length) result.Append(text.Slice(start, start + 1).Map((_, _, _) => " "));
        }
        return result.ToText();
    }

    /// <summary>The entries of a mapping as attributes of a tag; those that are none or undefined are left out.</summary>
    public static TracedText XmlAttributes(object? value, JinjaArguments a)
    {
        if (value is not JinjaDict dict) throw JinjaFilters.Wrong("xmlattr", value);
        bool space = a.Flag("autospace", true);
        var result = new TracedText.Builder();
        foreach (var (key, content) in dict.Entries)
        {
            a.Budget.Spend(1);
            if (content is null or JinjaUndefined) continue;
            var name = JinjaValues.Text(key, "a key of xmlattr");
            if (InName().IsMatch(name.Text)) throw new JinjaException($"xmlattr takes no key such as '{name.Text}'");
            if (space || result.Length > 0) result.Append(" ", TextSpan.Template);
            result.Append(JinjaTextFilters.Escape(name, a.Budget));
            result.Append("=\"", TextSpan.Template);
            result.Append(JinjaTextFilters.Escape(JinjaPrint.Print(content, a.Budget), a.Budget));
            result.Append("\"", TextSpan.Template);
        }
        return result.ToText();
    }

    // textwrap.TextWrapper.wordsep_re.
    [GeneratedRegex("""
        [\t\n\x0b\x0c\r\x20]+
        | (?<=[\w!"'&.,?]) -{2,} (?=\w)
        | [^\t\n\x0b\x0c\r\x20]+? (?: -(?: (?<=[^\d\W]{2}-) | (?<=[^\d\W]-[^\d\W]-) ) (?= [^\d\W] -? [^\d\W] ) | (?=[\t\n\x0b\x0c\r\x20]|\z) | (?<=[\w!"'&.,?]) (?=-{2,}\w) )
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Words();

    [GeneratedRegex(@"[\t\n\x0b\x0c\r\x20]+", RegexOptions.CultureInvariant)]
    private static partial Regex Blanks();

    [GeneratedRegex(@"[ \t\n\r\f\v/>=]", RegexOptions.CultureInvariant)]
    private static partial Regex InName();
}
