namespace SparseRM.Text.Jinja;

/// <summary>Attributes and methods of values: strings as in Python, mappings, loops, namespaces.</summary>
internal static class JinjaMethods
{
    private static readonly Dictionary<string, Func<TracedText, JinjaArguments, object?>> s_text = new()
    {
        ["strip"] = (text, a) => Strip(text, a.Take("chars", null), left: true, right: true),
        ["lstrip"] = (text, a) => Strip(text, a.Take("chars", null), left: true, right: false),
        ["rstrip"] = (text, a) => Strip(text, a.Take("chars", null), left: false, right: true),
        ["split"] = (text, a) => Split(text, a.Take("sep", null), a.Take("maxsplit", -1L), a.Budget),
        ["splitlines"] = (text, a) => SplitLines(text, a.Budget),
        ["startswith"] = (text, a) => Any(a.Take("prefix"), part => text.Text.StartsWith(part, StringComparison.Ordinal)),
        ["endswith"] = (text, a) => Any(a.Take("suffix"), part => text.Text.EndsWith(part, StringComparison.Ordinal)),
        ["replace"] = (text, a) => Replace(text, a.Take("old"), a.Take("new"), a.Take("count", -1L), a.Budget),
        ["removeprefix"] = (text, a) =>
            JinjaValues.Text(a.Take("prefix"), "prefix").Text is var part && text.Text.StartsWith(part, StringComparison.Ordinal)
            ? text.Slice(part.Length, text.Text.Length) : text,
        ["removesuffix"] = (text, a) =>
            JinjaValues.Text(a.Take("suffix"), "suffix").Text is var part && text.Text.EndsWith(part, StringComparison.Ordinal)
            ? text.Slice(0, text.Text.Length - part.Length) : text,
        ["upper"] = (text, _) => text.Map(value => value.ToUpperInvariant()),
        ["lower"] = (text, _) => text.Map(value => value.ToLowerInvariant()),
        ["capitalize"] = (text, _) => text.Map(Capitalize),
        ["title"] = (text, _) => text.Map(Title),
        ["find"] = (text, a) => Find(text, a.Take("sub")),
        ["join"] = (text, a) => Join(JinjaValues.Items(a.Take("items")), text, a.Budget),
        ["isdigit"] = (text, _) => text.Text.Length > 0 && text.Text.All(char.IsDigit),
    };

    private static readonly Dictionary<string, Func<JinjaDict, JinjaArguments, object?>> s_dict = new()
    {
        ["items"] = (dict, a) => Pairs(dict, a.Budget),
        ["keys"] = (dict, _) => JinjaValues.Items(dict),
        ["values"] = (dict, _) => (List<object?>)[.. dict.Values],
        ["get"] = (dict, a) =>
            dict.TryGetValue(JinjaValues.Text(a.Take("key"), "key").Text, out object? value) ? Ignore(a, value) : a.Take("default", null),
    };

    /// <summary><c>target.name</c>; undefined where there is no such thing.</summary>
    public static object? Attribute(object? target, string name)
    {
        switch (target)
        {
            case JinjaUndefined undefined:
                throw new JinjaException($"'{undefined.Name}' is undefined");
            case TracedText text when s_text.TryGetValue(name, out var method):
                return Bind(text, method);
            case JinjaDict dict when s_dict.TryGetValue(name, out var method):
                return Bind(dict, method);
            case JinjaDict dict when dict.TryGetValue(name, out object? value):
                return value;
            case JinjaNamespace space when space.Attributes.TryGetValue(name, out object? value):
                return value;
            case JinjaLoop loop:
                return loop.Attribute(name);
            default:
                return new JinjaUndefined(name);
        }
    }

    /// <summary>Python's <c>strip</c> and its halves; without characters, blanks go.</summary>
    public static TracedText Strip(TracedText text, object? characters, bool left, bool right)
    {
        string? set = characters is null ? null : JinjaValues.Text(characters, "chars").Text;
        int start = 0, end = text.Text.Length;
        while (left && start < end && Goes(text.Text[start])) start++;
        while (right && end > start && Goes(text.Text[end - 1])) end--;
        return text.Slice(start, end);

        bool Goes(char c) => set is null ? IsBlank(c) : set.Contains(c, StringComparison.Ordinal);
    }

    /// <summary>Every occurrence (or the first ones) of a part replaced.</summary>
    public static TracedText Replace(TracedText text, object? old, object? by, object? count, JinjaBudget budget)
    {
        string part = JinjaValues.Text(old, "the part to replace").Text;
        var replacement = JinjaValues.Text(by, "the replacement");
        long most = count is null ? -1 : JinjaValues.Integer(count, "count");
        if (part.Length == 0) throw new JinjaException("replace of an empty string is not supported");
        var result = new TracedText.Builder();
        int at = 0;
        for (int hit; most != 0 && (hit = text.Text.IndexOf(part, at, StringComparison.Ordinal)) >= 0; most--)
        {
            budget.SpendText(hit - at + replacement.Text.Length);
            result.Append(text, at, hit);
            result.Append(replacement);
            at = hit + part.Length;
        }
        budget.SpendText(text.Text.Length - at);
        result.Append(text, at, text.Text.Length);
        return result.ToText();
    }

    /// <summary>Items printed one after the other with a separator between them.</summary>
    public static TracedText Join(List<object?> items, TracedText separator, JinjaBudget budget)
    {
        var result = new TracedText.Builder();
        for (int i = 0; i < items.Count; i++)
        {
            var item = JinjaValues.Print(items[i]);
            budget.SpendText(item.Text.Length + separator.Text.Length);
            if (i > 0) result.Append(separator);
            result.Append(item);
        }
        return result.ToText();
    }

    /// <summary>Key and value of each entry.</summary>
    public static List<object?> Pairs(JinjaDict dict, JinjaBudget budget)
    {
        budget.Spend(dict.Count);
        return [.. dict.Select(entry => (object?)new List<object?> { TracedText.Of(entry.Key), entry.Value })];
    }

    /// <summary>First character upper case, the rest lower case.</summary>
    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    /// <summary>First character of each word upper case, the rest lower case.</summary>
    public static string Title(string text)
    {
        char[] chars = text.ToCharArray();
        for (int i = 0; i < chars.Length; i++)
            chars[i] = i > 0 && char.IsLetter(chars[i - 1]) ? char.ToLowerInvariant(chars[i]) : char.ToUpperInvariant(chars[i]);
        return new string(chars);
    }

    private static JinjaFunction Bind<T>(T target, Func<T, JinjaArguments, object?> method) => arguments =>
    {
        object? result = method(target, arguments);
        arguments.Done();
        return result;
    };

    private static object? Ignore(JinjaArguments arguments, object? value)
    {
        arguments.Take("default", null);
        return value;
    }

    // Python's str.isspace: the separators U+001C to U+001F too.
    private static bool IsBlank(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';

    private static bool Any(object? parts, Func<string, bool> test) =>
        parts is List<object?> several ? several.Exists(part => test(JinjaValues.Text(part, "the part").Text))
            : test(JinjaValues.Text(parts, "the part").Text);

    private static long Find(TracedText text, object? part)
    {
        int at = text.Text.IndexOf(JinjaValues.Text(part, "sub").Text, StringComparison.Ordinal);
        return at < 0 ? -1 : text.Slice(0, at).CodePoints;
    }

    private static List<object?> Split(TracedText text, object? separator, object? most, JinjaBudget budget)
    {
        long splits = JinjaValues.Integer(most, "maxsplit");
        budget.SpendText(text.Text.Length);
        return separator is null ? SplitAtBlanks(text, splits, budget)
            : SplitAt(text, JinjaValues.Text(separator, "sep").Text, splits, budget);
    }

    private static List<object?> SplitAt(TracedText text, string separator, long most, JinjaBudget budget)
    {
        if (separator.Length == 0) throw new JinjaException("split at an empty string");
        var parts = new List<object?>();
        int at = 0;
        for (int hit; most != 0 && (hit = text.Text.IndexOf(separator, at, StringComparison.Ordinal)) >= 0; most--)
        {
            budget.Spend(1);
            parts.Add(text.Slice(at, hit));
            at = hit + separator.Length;
        }
        parts.Add(text.Slice(at, text.Text.Length));
        return parts;
    }

    private static List<object?> SplitAtBlanks(TracedText text, long most, JinjaBudget budget)
    {
        var parts = new List<object?>();
        for (int at = 0; ;)
        {
            while (at < text.Text.Length && IsBlank(text.Text[at])) at++;
            if (at == text.Text.Length) return parts;
            budget.Spend(1);
            int end = at;
            if (most-- == 0)
            {
                parts.Add(text.Slice(at, text.Text.Length));
                return parts;
            }
            while (end < text.Text.Length && !IsBlank(text.Text[end])) end++;
            parts.Add(text.Slice(at, end));
            at = end;
        }
    }

    private static List<object?> SplitLines(TracedText text, JinjaBudget budget)
    {
        var lines = new List<object?>();
        for (int at = 0; at < text.Text.Length;)
        {
            budget.Spend(1);
            int end = text.Text.AsSpan(at).IndexOfAny("\n\r\v\f\u001C\u001D\u001E\u0085\u2028\u2029");
            end = end < 0 ? text.Text.Length : at + end;
            lines.Add(text.Slice(at, end));
            at = end + (string.CompareOrdinal(text.Text, end, "\r\n", 0, 2) == 0 ? 2 : 1);
        }
        return lines;
    }
}
