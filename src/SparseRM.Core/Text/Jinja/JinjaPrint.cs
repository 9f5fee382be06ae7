using System.Globalization;
using System.Numerics;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>Python's <c>str</c> and <c>repr</c> of values. Strings keep their origins; what stands around them in a list or mapping of a
/// message is the message's too.</summary>
internal static class JinjaPrint
{
    /// <summary>Python's <c>str</c>.</summary>
    public static TracedText Print(object? value, JinjaBudget budget) => value switch
    {
        TracedText text => text,
        JinjaUndefined => TracedText.Empty,
        null => TracedText.Of("None"),
        bool flag => TracedText.Of(flag ? "True" : "False"),
        long number => TracedText.Of(number.ToString(CultureInfo.InvariantCulture)),
        _ => Repr(value, budget),
    };

    /// <summary>Python's <c>repr</c>.</summary>
    public static TracedText Repr(object? value, JinjaBudget budget) => Repr(value, TextSpan.Template, budget);

    /// <summary>Python's <c>repr</c> of a part of a list or mapping that comes from <paramref name="source"/>.</summary>
    public static TracedText Repr(object? value, int source, JinjaBudget budget)
    {
        var result = new TracedText.Builder();
        Repr(value, source, 0, result, budget);
        return result.ToText();
    }

    /// <summary>Digits of a number or the word of a constant, as Python prints them; null for anything else.</summary>
    public static string? Scalar(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double number => PythonFloat.Repr(number),
        _ => null,
    };

    private static void Repr(object? value, int source, int depth, TracedText.Builder result, JinjaBudget budget)
    {
        JinjaValues.CheckDepth(depth);
        budget.Spend(1);
        switch (value)
        {
            case TracedText text:
                Quote(text, source, result, budget);
                break;
            case JinjaUndefined:
                result.Append("Undefined", source);
                break;
            case JinjaRange range:
                result.Append(range.Print(), source);
                break;
            case JinjaTuple tuple:
                WriteItems("(", tuple.Items.Count == 1 ? ",)" : ")", tuple.Items, source, depth, result, budget);
                break;
            case JinjaList list:
                WriteItems("[", "]", list.Items, Inner(list.Source, source), depth, result, budget);
                break;
            case JinjaView view:
                WriteItems($"dict_{view.Kind}([", "])", view.Items, source, depth, result, budget);
                break;
            case JinjaDict dict:
                WriteDict(dict.Entries, Inner(dict.Source, source), depth, result, budget);
                break;
            case JinjaNamespace space:
                result.Append("<Namespace ", source);
                WriteDict(space.Attributes.Select(entry => ((object?)TracedText.Of(entry.Key), entry.Value)), source, depth, result, budget);
                result.Append(">", source);
                break;
            case JinjaLoop loop:
                result.Append(loop.Print(), source);
                break;
            default:
                string scalar = Scalar(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be printed");
                budget.Build(scalar.Length);
                result.Append(scalar, source);
                break;
        }
    }

    /// <summary>The origin of what stands in a list or mapping: its own, or that of what it lies in.</summary>
    public static int Inner(int own, int outer) => own == TextSpan.Template ? outer : own;

    private static void WriteItems(string open, string close, List<object?> items, int source, int depth, TracedText.Builder result,
        JinjaBudget budget)
    {
        result.Append(open, source);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0) result.Append(", ", source);
            Repr(items[i], source, depth + 1, result, budget);
        }
        result.Append(close, source);
    }

    private static void WriteDict(IEnumerable<(object? Key, object? Value)> entries, int source, int depth, TracedText.Builder result,
        JinjaBudget budget)
    {
        result.Append("{", source);
        bool first = true;
        foreach (var (key, value) in entries)
        {
            if (!first) result.Append(", ", source);
            first = false;
            Repr(key, source, depth + 1, result, budget);
            result.Append(": ", source);
            Repr(value, source, depth + 1, result, budget);
        }
        result.Append("}", source);
    }

    private static void Quote(TracedText text, int source, TracedText.Builder result, JinjaBudget budget)
    {
        budget.Build(2L * text.Text.Length);
        budget.Walk(text.Text.Length);
        char quote = text.Text.Contains('\'') && !text.Text.Contains('"') ? '"' : '\'';
        if (text.IsMarkup) result.Append("Markup(", source);
        result.Append(quote.ToString(), source);
        foreach (var span in text.Spans())
        {
            var escaped = new StringBuilder(span.Length);
            foreach (var rune in text.Text.AsSpan(span.Start, span.Length).EnumerateRunes()) Escape(rune, quote, escaped);
            result.Append(escaped.ToString(), span.MessageIndex);
        }
        result.Append(text.IsMarkup ? quote + ")" : quote.ToString(), source);
    }

    private static void Escape(Rune rune, char quote, StringBuilder escaped)
    {
        int c = rune.Value;
        if (c == quote || c == '\\') escaped.Append('\\').Append((char)c);
        else if (c == '\n') escaped.Append("\\n");
        else if (c == '\r') escaped.Append("\\r");
        else if (c == '\t') escaped.Append("\\t");
        else if (PythonText.IsPrintable(rune)) escaped.Append(rune.ToString());
        else if (c < 0x100) escaped.Append(CultureInfo.InvariantCulture, $"\\x{c:x2}");
        else if (c < 0x10000) escaped.Append(CultureInfo.InvariantCulture, $"\\u{c:x4}");
        else escaped.Append(CultureInfo.InvariantCulture, $"\\U{c:x8}");
    }
}
