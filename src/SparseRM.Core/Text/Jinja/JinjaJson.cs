using System.Globalization;

namespace SparseRM.Text.Jinja;

/// <summary>The filter <c>tojson</c> as transformers defines it: Python's json.dumps with ensure_ascii off. Strings keep their
/// origins.</summary>
internal static class JinjaJson
{
    /// <summary>The JSON text of a value.</summary>
    public static TracedText Write(object? value, long? indent, JinjaBudget budget)
    {
        var result = new TracedText.Builder();
        Write(value, indent, 0, result, budget);
        return result.ToText();
    }

    private static void Write(object? value, long? indent, int depth, TracedText.Builder result, JinjaBudget budget)
    {
        JinjaValues.CheckDepth(depth);
        budget.Spend(1);
        switch (value)
        {
            case null:
                result.Append("null", TextSpan.Template);
                break;
            case bool flag:
                result.Append(flag ? "true" : "false", TextSpan.Template);
                break;
            case long number:
                result.Append(number.ToString(CultureInfo.InvariantCulture), TextSpan.Template);
                break;
            case double number:
                result.Append(JinjaValues.Print(number), TextSpan.Template);
                break;
            case TracedText text:
                WriteString(text, result, budget);
                break;
            case List<object?> list:
                WriteItems("[", "]", list, indent, depth, result, item => Write(item, indent, depth + 1, result, budget));
                break;
            case JinjaDict dict:
                WriteItems("{", "}", dict, indent, depth, result, entry =>
                {
                    WriteString(TracedText.Of(entry.Key), result, budget);
                    result.Append(": ", TextSpan.Template);
                    Write(entry.Value, indent, depth + 1, result, budget);
                });
                break;
            default:
                throw new JinjaException($"{JinjaValues.TypeName(value)} has no JSON");
        }
    }

    private static void WriteItems<T>(string open, string close, IReadOnlyCollection<T> items, long? indent, int depth,
        TracedText.Builder result, Action<T> write)
    {
        result.Append(open, TextSpan.Template);
        bool first = true;
        foreach (var item in items)
        {
            if (!first) result.Append(indent is null ? ", " : ",", TextSpan.Template);
            first = false;
            NewLine(indent, depth + 1, result);
            write(item);
        }
        if (!first) NewLine(indent, depth, result);
        result.Append(close, TextSpan.Template);
    }

    private static void NewLine(long? indent, int depth, TracedText.Builder result)
    {
        if (indent is null) return;
        if (indent is < 0 or > 16) throw new JinjaException("tojson takes an indent from 0 to 16");
        result.Append("\n" + new string(' ', depth * (int)indent), TextSpan.Template);
    }

    private static void WriteString(TracedText text, TracedText.Builder result, JinjaBudget budget)
    {
        budget.SpendText(text.Text.Length * 2L);
        result.Append("\"", TextSpan.Template);
        foreach (var span in text.Spans())
        {
            var escaped = new System.Text.StringBuilder();
            foreach (char c in text.Text.AsSpan(span.Start, span.Length))
                _ = c switch
                {
                    '"' => escaped.Append("\\\""),
                    '\\' => escaped.Append(@"\\"),
                    '\n' => escaped.Append("\\n"),
                    '\r' => escaped.Append("\\r"),
                    '\t' => escaped.Append("\\t"),
                    '\b' => escaped.Append("\\b"),
                    '\f' => escaped.Append("\\f"),
                    < ' ' => escaped.Append($"\\u{(int)c:x4}"),
                    _ => escaped.Append(c),
                };
            result.Append(escaped.ToString(), span.MessageIndex);
        }
        result.Append("\"", TextSpan.Template);
    }
}
