using System.Globalization;

namespace SparseRM.Text.Jinja;

/// <summary>The string methods <c>format</c> and <c>format_map</c>, as in Python. Strings keep their origins.</summary>
internal sealed class JinjaBraceFormat
{
    private const int DeepestNesting = 2;
    private readonly JinjaBudget _budget;
    private readonly Func<string, object?> _field;
    private int _next;
    private bool _numbered;

    private JinjaBraceFormat(JinjaBudget budget, Func<string, object?> field) => (_budget, _field) = (budget, field);

    /// <summary>Fills the fields with arguments by position and name.</summary>
    public static TracedText Format(TracedText format, JinjaArguments a)
    {
        var positional = a.TakeRest();
        var named = a.TakeNamed();
        return new JinjaBraceFormat(a.Budget, field =>
        {
            if (int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out int index))
                return index < positional.Count ? positional[index] : throw new JinjaException($"the format has no value {index}");
            int found = named.FindIndex(argument => argument.Name == field);
            return found >= 0 ? named[found].Value : throw new JinjaException($"the format has no value '{field}'");
        }).Run(format, DeepestNesting);
    }

    /// <summary>Fills the fields with a mapping's values.</summary>
    public static TracedText FormatMap(TracedText format, object? mapping, JinjaBudget budget) => mapping is not JinjaDict dict
        ? throw new JinjaException("format_map takes a mapping")
        : new JinjaBraceFormat(budget, field => dict.TryGet(TracedText.Of(field), budget, out object? value) ? value
            : throw new JinjaException($"the format has no value '{field}'")).Run(format, DeepestNesting);

    private TracedText Run(TracedText format, int depth)
    {
        string text = format.Text;
        _budget.Build(text.Length);
        var result = new TracedText.Builder();
        for (int at = 0; at < text.Length;)
        {
            int brace = text.AsSpan(at).IndexOfAny('{', '}');
            if (brace < 0) brace = text.Length - at;
            result.Append(format, at, at + brace);
            at += brace;
            if (at == text.Length) break;
            if (at + 1 < text.Length && text[at + 1] == text[at])
            {
                result.Append(format, at, at + 1);
                at += 2;
                continue;
            }
            if (text[at] == '}') throw new JinjaException("a format has a single }");
            int end = End(text, at);
            var value = Field(format.Slice(at + 1, end), depth);
            _budget.Hold(value.Size);
            _budget.Read(value.Text.Length);
            result.Append(value);
            at = end + 1;
        }
        return result.ToText();
    }

    private static int End(string text, int open)
    {
        int depth = 0;
        for (int at = open; at < text.Length; at++)
        {
            if (text[at] == '{') depth++;
            else if (text[at] == '}' && --depth == 0) return at;
        }
        throw new JinjaException("a format has a { that is not closed");
    }

    private TracedText Field(TracedText field, int depth)
    {
        _budget.Spend(1);
        if (depth == 0) throw new JinjaException("the fields of a format are nested too deep");
        string text = field.Text;
        int end = text.AsSpan().IndexOfAny("!:");
        if (end < 0) end = text.Length;
        object? value = Lookup(text[..end]);
        char conversion = '\0';
        if (end < text.Length && text[end] == '!')
        {
            if (end + 1 >= text.Length) throw new JinjaException("a format ends after !");
            conversion = text[end + 1];
            end += 2;
            if (end < text.Length && text[end] != ':') throw new JinjaException("expected ':' after the conversion of a format");
        }
        value = conversion switch
        {
            '\0' => value,
            's' => JinjaPrint.Print(value, _budget),
            'r' => JinjaPrint.Repr(value, _budget),
            'a' => PythonFormatSpec.Ascii(JinjaPrint.Repr(value, _budget), _budget),
            _ => throw new JinjaException($"the conversion '!{conversion}' of a format is not known"),
        };
        string spec = end < text.Length ? Run(field.Slice(end + 1, text.Length), depth - 1).Text : "";
        return PythonFormatSpec.Format(value, spec, _budget);
    }

    // name, name.attribute or name[item]; without a name the next position.
    private object? Lookup(string path)
    {
        int end = path.AsSpan().IndexOfAny(".[");
        string first = end < 0 ? path : path[..end];
        if (char.IsAsciiDigit((first + " ")[0])) _numbered = true;
        if (_numbered && (first.Length == 0 || _next > 0)) throw new JinjaException("a format counts its fields itself or gives their numbers, not both");
        object? value = _field(first.Length == 0 ? (_next++).ToString(CultureInfo.InvariantCulture) : first);
        for (int at = end; at >= 0 && at < path.Length;)
        {
            _budget.Spend(1);
            bool item = path[at] == '[';
            int stop = item ? path.IndexOf(']', at) : path.AsSpan(at + 1).IndexOfAny(".[") is >= 0 and var next ? at + 1 + next : path.Length;
            if (stop < 0 || stop == at + 1) throw new JinjaException($"the field '{path}' of a format is not understood");
            string name = path[(at + 1)..stop];
            if (!item) value = JinjaMethods.Attribute(value, TracedText.Of(name), _budget);
            else value = JinjaOperators.Index(value, long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long index) ? index
                : TracedText.Of(name), _budget);
            at = item ? stop + 1 : stop;
        }
        return value;
    }
}
