using System.Text.RegularExpressions;

namespace SparseRM.Text.Jinja;

/// <summary>The filter <c>urlize</c>: addresses of pages and of mail as links, by the rules of <c>jinja2.utils.urlize</c>.</summary>
internal static partial class JinjaUrlize
{
    private const string Greater = "&gt;";
    private static readonly (string Open, string Close)[] s_brackets = [("(", ")"), ("<", ">"), ("&lt;", Greater)];

    /// <summary>The text, escaped, with links.</summary>
    public static TracedText Apply(object? value, JinjaArguments a)
    {
        long? limit = a.Take("trim_url_limit", null) is { } most ? JinjaValues.Integer(most, "trim_url_limit") : null;
        bool noFollow = a.Flag("nofollow");
        object? target = a.Take("target", null), rel = a.Take("rel", null), schemes = a.Take("extra_schemes", null);
        var words = new SortedSet<string>((rel is null ? "" : JinjaValues.Text(rel, "rel").Text).Split(default(char[]), StringSplitOptions.RemoveEmptyEntries), StringComparer.Ordinal) { "noopener" };
        if (noFollow) words.Add("nofollow");
        string attributes = $" rel=\"{JinjaTextFilters.Escape(TracedText.Of(string.Join(' ', words)), a.Budget).Text}\"";
        if (target is not null) attributes += $" target=\"{JinjaTextFilters.Escape(JinjaValues.Text(target, "target"), a.Budget).Text}\"";
        string[] extra = schemes is null ? [] : [.. JinjaValues.Items(schemes, a.Budget).Select(scheme => JinjaValues.Text(scheme, "a scheme").Text)];
        if (extra.FirstOrDefault(scheme => !Scheme().IsMatch(scheme)) is { } wrong) throw new JinjaException($"urlize takes no scheme such as '{wrong}'");

        var text = JinjaTextFilters.Escape(JinjaPrint.Print(value, a.Budget), a.Budget).AsMarkup(false);
        a.Budget.Build(8L * text.Text.Length);
        a.Budget.Walk(16L * text.Text.Length);
        var result = new TracedText.Builder();
        int at = 0;
        foreach (Match word in Word().Matches(text.Text))
        {
            result.Append(text, at, word.Index);
            at = word.Index + word.Length;
            var (start, end) = Middle(text.Text, word.Index, at);
            result.Append(text, word.Index, start);
            Link(result, text.Slice(start, end), limit, attributes, extra, a.Budget);
            result.Append(text, end, at);
        }
        result.Append(text, at, text.Text.Length);
        return result.ToText();
    }

    // The word without brackets and full stops around it; a bracket that it opens stays closed.
    private static (int Start, int End) Middle(string text, int from, int to)
    {
        string word = text[from..to];
        int start = Head().Match(word).Length, end = word.Length;
        while (end > start && (word[end - 1] is ')' or '>' or '.' or ',' || (end - start >= Greater.Length && word.AsSpan(0, end).EndsWith(Greater))))
            end -= word[end - 1] == ';' ? Greater.Length : 1;
        foreach (var (open, close) in s_brackets)
        {
            string middle = word[start..end];
            int opened = Count(middle, open);
            if (opened <= Count(middle, close)) continue;
            for (int moves = Math.Min(opened, Count(word[end..], close)); moves > 0; moves--) end = word.IndexOf(close, end, StringComparison.Ordinal) + close.Length;
        }
        return (from + start, from + end);
    }

    private static void Link(TracedText.Builder result, TracedText word, long? limit, string attributes, string[] schemes, JinjaBudget budget)
    {
        string text = word.Text;
        if (Page().IsMatch(text))
            Write(result, text.StartsWith("https://", StringComparison.Ordinal) || text.StartsWith("http://", StringComparison.Ordinal) ? "" : "https://", word, attributes, Trimmed(word, limit), budget);
        else if (text.StartsWith("mailto:", StringComparison.Ordinal) && Mail().IsMatch(text[7..])) Write(result, "", word, "", word.Slice(7, text.Length), budget);
        else if (text.Contains('@') && !text.StartsWith("www.", StringComparison.Ordinal) && text[0] != '@' && !text.Contains(':') && Mail().IsMatch(text))
            Write(result, "mailto:", word, "", word, budget);
        else if (schemes.FirstOrDefault(scheme => text != scheme && text.StartsWith(scheme, StringComparison.Ordinal)) is not null) Write(result, "", word, attributes, word, budget);
        else result.Append(word);
    }

    private static void Write(TracedText.Builder result, string scheme, TracedText address, string attributes, TracedText shown, JinjaBudget budget)
    {
        budget.Build(attributes.Length + 24);
        result.Append($"<a href=\"{scheme}", TextSpan.Template);
        result.Append(address);
        result.Append($"\"{attributes}>", TextSpan.Template);
        result.Append(shown);
        result.Append("</a>", TextSpan.Template);
    }

    private static TracedText Trimmed(TracedText word, long? limit)
    {
        if (limit is not { } most || word.CodePoints <= most) return word;
        // Python counts from the end where the number is below 0.
        long kept = most < 0 ? Math.Max(0, word.CodePoints + most) : most;
        return word.Slice(0, word.PositionOf((int)kept)).Concat(TracedText.Of("..."));
    }

    private static int Count(string text, string part) => text.AsSpan().Count(part);

    [GeneratedRegex(@"\S+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();

    [GeneratedRegex(@"\A([(<]|&lt;)*", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Head();

    [GeneratedRegex(@"\A([\w.+-]{2,}:(/){0,2})\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"\A\S+@\w[\w.-]*\.\w+\n?\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Mail();

    [GeneratedRegex("""
        \A
        (
            (https?://|www\.) (([\w%-]+\.)+)? ([a-z]{2,63} | xn--[\w%]{2,59})
        |
            ([\w%-]{2,63}\.)+ (com|net|int|edu|gov|org|info|mil)
        |
            (https?://) ( ([\d]{1,3})(\.[\d]{1,3}){3} | \[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\] )
        )
        (:[\d]{1,5})?
        ([/?\#]\S*)?
        \n?\z
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Page();
}
