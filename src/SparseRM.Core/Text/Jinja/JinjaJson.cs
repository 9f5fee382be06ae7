using System.Globalization;
using System.Numerics;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>The filter <c>tojson</c> as transformers defines it: Python's json.dumps. Strings keep their origins; what stands around them
/// in a list or mapping of a message is the message's too.</summary>
internal sealed class JinjaJson
{
    private readonly TracedText.Builder _result = new();
    private readonly JinjaBudget _budget;
    private readonly bool _ascii, _sorted;
    private readonly TracedText? _indent;
    private readonly TracedText _item, _key;

    private JinjaJson(JinjaArguments a)
    {
        _budget = a.Budget;
        _ascii = a.Flag("ensure_ascii");
        _indent = a.Take("indent", null) switch
        {
            null => null,
            TracedText text => text,
            var width when JinjaValues.Integer(width, "indent") is var blanks and <= 1000 => TracedText.Of(new string(' ', (int)Math.Max(blanks, 0))),
            _ => throw new JinjaException("tojson takes an indent of at most 1000"),
        };
        object? separators = a.Take("separators", null);
        (_item, _key) = separators switch
        {
            null => (TracedText.Of(_indent is null ? ", " : ","), TracedText.Of(": ")),
            JinjaList { Items: [TracedText item, TracedText key] } => (item, key),
            _ => throw new JinjaException("the separators of tojson are two strings"),
        };
        _sorted = a.Flag("sort_keys");
    }

    /// <summary>The JSON text of a value, with the arguments of json.dumps.</summary>
    public static TracedText Write(object? value, JinjaArguments arguments)
    {
        var json = new JinjaJson(arguments);
        json.Write(value, TextSpan.Template, 0);
        return json._result.ToText();
    }

    private void Write(object? value, int source, int depth)
    {
        JinjaValues.CheckDepth(depth);
        _budget.Spend(1);
        switch (value)
        {
            case TracedText text:
                WriteString(text, source);
                break;
            case JinjaRange:
                throw new JinjaException("a range has no JSON; use the filter list first");
            case JinjaList list:
                int listSource = Inner(list.Source, source);
                WriteItems("[", "]", list.Items, listSource, depth, item => Write(item, listSource, depth + 1));
                break;
            case JinjaDict dict:
                int dictSource = Inner(dict.Source, source);
                WriteItems("{", "}", Entries(dict), dictSource, depth, entry =>
                {
                    WriteKey(entry.Key, dictSource);
                    Append(_key, dictSource);
                    Write(entry.Value, dictSource, depth + 1);
                });
                break;
            default:
                string scalar = Scalar(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} has no JSON");
                _budget.Hold(2L * scalar.Length);
                _result.Append(scalar, source);
                break;
        }
    }

    private static int Inner(int own, int outer) => own == TextSpan.Template ? outer : own;

    private static string? Scalar(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        double.NaN => "NaN",
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        long or double or BigInteger => JinjaPrint.Scalar(value),
        _ => null,
    };

    private IReadOnlyList<(object? Key, object? Value)> Entries(JinjaDict dict)
    {
        var entries = dict.Entries;
        if (!_sorted) return entries;
        var indices = JinjaEquality.Sort([.. Enumerable.Range(0, entries.Count).Select(i => (object?)(long)i)], i => entries[(int)(long)i!].Key,
            reverse: false, _budget);
        return indices.ConvertAll(i => entries[(int)(long)i!]);
    }

    private void WriteKey(object? key, int source)
    {
        if (key is TracedText text) WriteString(text, source);
        else WriteString(TracedText.Of(Scalar(key) ?? throw new JinjaException($"{JinjaValues.TypeName(key)} cannot be a key of JSON"), source), source);
    }

    private void WriteItems<T>(string open, string close, IReadOnlyCollection<T> items, int source, int depth, Action<T> write)
    {
        _result.Append(open, source);
        bool first = true;
        foreach (var item in items)
        {
            if (!first) Append(_item, source);
            first = false;
            NewLine(depth + 1, source);
            write(item);
        }
        if (!first) NewLine(depth, source);
        _result.Append(close, source);
    }

    // Separators that the template writes are the value's where the value is a message's.
    private void Append(TracedText text, int source)
    {
        _budget.Hold(text.Size - 32);
        _budget.Read(text.Text.Length);
        if (source == TextSpan.Template) _result.Append(text);
        else _result.Append(text.Text, source);
    }

    private void NewLine(int depth, int source)
    {
        if (_indent is null) return;
        _result.Append("\n", source);
        for (int i = 0; i < depth; i++) Append(_indent, source);
    }

    private void WriteString(TracedText text, int source)
    {
        _budget.Build(2L * text.Text.Length);
        _budget.Walk(text.Text.Length);
        _result.Append("\"", source);
        foreach (var span in text.Spans())
        {
            var escaped = new StringBuilder(span.Length);
            foreach (char c in text.Text.AsSpan(span.Start, span.Length)) Escape(c, escaped);
            _result.Append(escaped.ToString(), span.MessageIndex);
        }
        _result.Append("\"", source);
    }

    private void Escape(char c, StringBuilder escaped) => _ = c switch
    {
        '"' => escaped.Append("\\\""),
        '\\' => escaped.Append(@"\\"),
        '\n' => escaped.Append("\\n"),
        '\r' => escaped.Append("\\r"),
        '\t' => escaped.Append("\\t"),
        '\b' => escaped.Append("\\b"),
        '\f' => escaped.Append("\\f"),
        < ' ' => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
        > '~' when _ascii => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
        _ => escaped.Append(c),
    };
}
