using System.Collections.Frozen;
using System.Text;
using Kind = System.Globalization.UnicodeCategory;

namespace SparseRM.Text.Jinja;

/// <summary>The methods of strings, as in Python. The caller has paid for reading the string once.</summary>
internal static class JinjaTextMethods
{
    /// <summary>All methods by name.</summary>
    public static readonly FrozenDictionary<string, Func<TracedText, JinjaArguments, object?>> All =
        new Dictionary<string, Func<TracedText, JinjaArguments, object?>>
        {
            ["strip"] = (text, a) => JinjaTextSearch.Strip(text, a.Take("chars", null), left: true, right: true, a.Budget),
            ["lstrip"] = (text, a) => JinjaTextSearch.Strip(text, a.Take("chars", null), left: true, right: false, a.Budget),
            ["rstrip"] = (text, a) => JinjaTextSearch.Strip(text, a.Take("chars", null), left: false, right: true, a.Budget),
            ["split"] = (text, a) => JinjaTextSplit.Split(text, a.Take("sep", null), a.Integer("maxsplit", -1), a.Budget),
            ["rsplit"] = (text, a) => JinjaTextSplit.SplitFromEnd(text, a.Take("sep", null), a.Integer("maxsplit", -1), a.Budget),
            ["splitlines"] = (text, a) => JinjaTextSplit.Lines(text, a.Flag("keepends"), a.Budget),
            ["partition"] = (text, a) => JinjaTextSplit.Partition(text, a.Text("sep").Text, last: false, a.Budget),
            ["rpartition"] = (text, a) => JinjaTextSplit.Partition(text, a.Text("sep").Text, last: true, a.Budget),
            ["startswith"] = (text, a) => JinjaTextSearch.HasEnd(text, a, atStart: true),
            ["endswith"] = (text, a) => JinjaTextSearch.HasEnd(text, a, atStart: false),
            ["find"] = (text, a) => JinjaTextSearch.Find(text, a, last: false),
            ["rfind"] = (text, a) => JinjaTextSearch.Find(text, a, last: true),
            ["index"] = (text, a) => Found(JinjaTextSearch.Find(text, a, last: false)),
            ["rindex"] = (text, a) => Found(JinjaTextSearch.Find(text, a, last: true)),
            ["count"] = JinjaTextSearch.Count,
            ["replace"] = (text, a) => JinjaTextSearch.Replace(text, a.Text("old"), a.Text("new"), a.Integer("count", -1), a.Budget),
            ["removeprefix"] = (text, a) => a.Text("prefix").Text is var part && text.Text.StartsWith(part, StringComparison.Ordinal)
                ? text.Slice(part.Length, text.Text.Length) : text,
            ["removesuffix"] = (text, a) => a.Text("suffix").Text is var part && text.Text.EndsWith(part, StringComparison.Ordinal)
                ? text.Slice(0, text.Text.Length - part.Length) : text,
            ["join"] = (text, a) => JinjaTextSearch.Join(JinjaValues.Items(a.Take("iterable"), a.Budget).ConvertAll(item =>
                (object?)JinjaValues.Text(item, "an item of join")), text, a.Budget),
            ["upper"] = (text, a) => Cased(text, PythonText.Upper, a.Budget), ["lower"] = (text, a) => Cased(text, PythonText.Lower, a.Budget),
            ["casefold"] = (text, a) => Cased(text, PythonText.Fold, a.Budget), ["title"] = (text, a) => Cased(text, PythonText.Title, a.Budget),
            ["capitalize"] = (text, a) => Cased(text, PythonText.Capitalize, a.Budget),
            ["swapcase"] = (text, a) => Cased(text, PythonText.Swap, a.Budget),
            ["center"] = (text, a) => Center(text, a.Integer("width", 0), Fill(a), a.Budget),
            ["ljust"] = (text, a) => Pad(text, 0, a.Integer("width", 0) - text.CodePoints, Fill(a), a.Budget),
            ["rjust"] = (text, a) => Pad(text, a.Integer("width", 0) - text.CodePoints, 0, Fill(a), a.Budget),
            ["zfill"] = (text, a) => ZeroFill(text, a.Integer("width", 0), a.Budget),
            ["expandtabs"] = (text, a) => ExpandTabs(text, a.Integer("tabsize", 8), a.Budget),
            ["format"] = JinjaBraceFormat.Format,
            ["format_map"] = (text, a) => JinjaBraceFormat.FormatMap(text, a.Take("mapping"), a.Budget),
            ["isdigit"] = (text, a) => Every(text, PythonText.IsDigit, a.Budget), ["isnumeric"] = (text, a) => Every(text, PythonText.IsNumeric, a.Budget),
            ["isdecimal"] = (text, a) => Every(text, rune => Rune.GetUnicodeCategory(rune) == Kind.DecimalDigitNumber, a.Budget),
            ["isalpha"] = (text, a) => Every(text, Rune.IsLetter, a.Budget),
            ["isalnum"] = (text, a) => Every(text, rune => Rune.IsLetter(rune) || PythonText.IsNumeric(rune), a.Budget),
            ["isspace"] = (text, a) => Every(text, rune => rune.IsBmp && PythonText.IsBlank((char)rune.Value), a.Budget),
            ["isascii"] = (text, _) => Ascii.IsValid(text.Text),
            ["isprintable"] = (text, a) => text.Text.Length == 0 || Every(text, PythonText.IsPrintable, a.Budget),
            ["isidentifier"] = (text, a) => text.Text.Length > 0 && !char.IsDigit(text.Text[0]) && Every(text, IsWord, a.Budget),
            ["isupper"] = (text, a) => HasCase(text, PythonText.IsUpper, a.Budget), ["islower"] = (text, a) => HasCase(text, PythonText.IsLower, a.Budget),
            ["istitle"] = (text, a) => HasCase(text, PythonText.IsCased, a.Budget) && Cased(text, PythonText.Title, a.Budget).Text == text.Text,
        }.ToFrozenDictionary();

    /// <summary>Maps the case of a text.</summary>
    public static TracedText Cased(TracedText text, Func<string, int, int, string> map, JinjaBudget budget)
    {
        budget.Build(2L * text.Text.Length);
        budget.Walk(text.Text.Length);
        return text.Map(map);
    }

    /// <summary>Whether there are characters of the one case and none of the other.</summary>
    public static bool HasCase(TracedText text, Predicate<Rune> kind, JinjaBudget budget)
    {
        budget.Walk(text.Text.Length);
        bool any = false;
        foreach (var rune in text.Text.EnumerateRunes())
        {
            if (kind(rune)) any = true;
            else if (PythonText.IsCased(rune)) return false;
        }
        return any;
    }

    /// <summary>A character repeated on both sides.</summary>
    public static TracedText Pad(TracedText text, long left, long right, TracedText fill, JinjaBudget budget)
    {
        (left, right) = (Math.Max(left, 0), Math.Max(right, 0));
        if (left + right <= 0) return text;
        budget.Build(text.Text.Length + 2 * Math.Min(left, 1L << 40) + 2 * Math.Min(right, 1L << 40));
        var result = new TracedText.Builder();
        int source = fill.Spans().First().MessageIndex;
        result.Append(Repeated(fill.Text, left), source);
        result.Append(text);
        result.Append(Repeated(fill.Text, right), source);
        return result.ToText();
    }

    /// <summary>A text in the middle; the odd blank is where Python puts it.</summary>
    public static TracedText Center(TracedText text, long width, TracedText fill, JinjaBudget budget)
    {
        long margin = Math.Max(width - text.CodePoints, 0), left = margin / 2 + (margin & width & 1);
        return Pad(text, left, margin - left, fill, budget);
    }

    private static string Repeated(string fill, long times) =>
        fill.Length == 1 ? new string(fill[0], (int)times) : string.Concat(Enumerable.Repeat(fill, (int)times));

    private static TracedText Fill(JinjaArguments a)
    {
        var fill = a.TryTake("fillchar", out object? value) ? JinjaValues.Text(value, "fillchar") : TracedText.Of(" ");
        return fill.CodePoints == 1 ? fill : throw new JinjaException("the fill character must be one character");
    }

    private static long Found(long at) => at >= 0 ? at : throw new JinjaException("index of a part that is not in the string");

    private static bool IsWord(Rune rune) => rune.Value == '_' || Rune.IsLetterOrDigit(rune);

    private static bool Every(TracedText text, Predicate<Rune> kind, JinjaBudget budget)
    {
        budget.Walk(text.Text.Length);
        foreach (var rune in text.Text.EnumerateRunes())
            if (!kind(rune)) return false;
        return text.Text.Length > 0;
    }

    private static TracedText ZeroFill(TracedText text, long width, JinjaBudget budget)
    {
        int sign = text.Text.Length > 0 && text.Text[0] is '+' or '-' ? 1 : 0;
        if (width <= text.CodePoints) return text;
        return text.Slice(0, sign).Concat(Pad(text.Slice(sign, text.Text.Length), width - text.CodePoints, 0, TracedText.Of("0"), budget));
    }

    private static TracedText ExpandTabs(TracedText text, long size, JinjaBudget budget)
    {
        var result = new TracedText.Builder();
        long column = 0;
        budget.Walk(text.Text.Length);
        for (int at = 0; at < text.Text.Length; at++)
        {
            char c = text.Text[at];
            if (c == '\t')
            {
                long blanks = size <= 0 ? 0 : size - column % size;
                budget.Build(blanks);
                result.Append(new string(' ', (int)blanks), TextSpan.Template);
                column += blanks;
                continue;
            }
            budget.Hold(8);
            result.Append(text, at, at + 1);
            column = c is '\n' or '\r' ? 0 : char.IsLowSurrogate(c) ? column : column + 1;
        }
        return result.ToText();
    }
}
