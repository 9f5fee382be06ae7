using System.Globalization;
using System.Numerics;
using System.Text;

namespace SparseRM.Text.Jinja;

/// <summary>Python's <c>format % values</c>. Strings keep their origins.</summary>
internal sealed class JinjaPercentFormat
{
    private readonly TracedText _format;
    private readonly List<object?> _values;
    private readonly JinjaDict? _named;
    private readonly JinjaBudget _budget;
    private readonly TracedText.Builder _result = new();
    private int _at, _next;
    private bool _usedName;

    private JinjaPercentFormat(TracedText format, object? values, JinjaBudget budget)
    {
        (_format, _budget, _named) = (format, budget, values as JinjaDict);
        _values = values is JinjaTuple tuple ? tuple.Items : [values];
    }

    /// <summary>Fills the format with a tuple, a mapping or one value.</summary>
    public static TracedText Apply(TracedText format, object? values, JinjaBudget budget)
    {
        budget.Build(format.Text.Length);
        var writer = new JinjaPercentFormat(format, values, budget);
        writer.Run();
        return writer._result.ToText();
    }

    private void Run()
    {
        string text = _format.Text;
        while (_at < text.Length)
        {
            int percent = text.IndexOf('%', _at);
            if (percent < 0) percent = text.Length;
            _result.Append(_format, _at, percent);
            _at = percent + 1;
            if (percent < text.Length) Directive(percent);
        }
        if (!_usedName && _named is null && _next < _values.Count) throw new JinjaException("not all values go into the format");
    }

    private void Directive(int start)
    {
        _budget.Spend(1);
        object? named = null;
        bool hasName = Peek() == '(';
        if (hasName) named = Named();
        string flags = "";
        while ("-+ #0".Contains(Peek(), StringComparison.Ordinal)) flags += flags.Contains(Take(), StringComparison.Ordinal) ? "" : _format.Text[_at - 1];
        long width = Number() ?? 0;
        if (width < 0) (flags, width) = (flags + "-", -width);
        long? precision = null;
        if (Peek() == '.')
        {
            _at++;
            precision = Math.Max(Number() ?? 0, 0);
        }
        while (Peek() is 'h' or 'l' or 'L') _at++;
        char type = Take();
        if (type == '%')
        {
            _result.Append(_format, start, start + 1);
            return;
        }
        object? value = hasName ? named : Next();
        if (precision > 100_000 || width > 10_000_000) throw new JinjaException("a width or precision of a format is too large");
        _budget.Build(2 * width + 2 * (precision ?? 0));
        _budget.Walk(width + 64 * Math.Min(precision ?? 0, 1100));
        Write(value, type, flags, (int)width, (int?)precision);
    }

    private void Write(object? value, char type, string flags, int width, int? precision)
    {
        bool left = flags.Contains('-', StringComparison.Ordinal);
        TracedText text;
        switch (type)
        {
            case 's' or 'r' or 'a':
                text = type == 's' ? JinjaPrint.Print(value, _budget) : JinjaPrint.Repr(value, _budget);
                if (type == 'a') text = PythonFormatSpec.Ascii(text, _budget);
                if (precision is { } most && most < text.CodePoints) text = text.Slice(0, text.PositionOf(most));
                break;
            case 'c':
                text = value is TracedText { CodePoints: 1 } one ? one
                    : JinjaValues.AsInteger(value) is { } code && Rune.IsValid((int)Math.Clamp(code, -1, int.MaxValue)) ? TracedText.Of(new Rune((int)code).ToString())
                    : throw new JinjaException("%c takes a character or its code");
                break;
            default:
                string number = Number(value, type, flags, precision);
                if (flags.Contains('0', StringComparison.Ordinal) && !left && number.Length < width)
                {
                    int head = number.AsSpan().IndexOfAnyExcept("+- ");
                    if (flags.Contains('#', StringComparison.Ordinal) && (type is 'x' or 'X' or 'o')) head += 2;
                    number = number[..head] + new string('0', width - number.Length) + number[head..];
                }
                text = TracedText.Of(number);
                break;
        }
        long missing = width - text.CodePoints;
        _budget.Hold(text.Size);
        _budget.Read(text.Text.Length);
        _result.Append(JinjaTextMethods.Pad(text, left ? 0 : missing, left ? missing : 0, TracedText.Of(" "), _budget));
    }

    private static string Number(object? value, char type, string flags, int? precision)
    {
        bool alternative = flags.Contains('#', StringComparison.Ordinal);
        string sign = flags.Contains('+', StringComparison.Ordinal) ? "+" : flags.Contains(' ', StringComparison.Ordinal) ? " " : "";
        if (value is not (bool or long or double or BigInteger)) throw new JinjaException($"%{type} takes a number, found {JinjaValues.TypeName(value)}");
        string text;
        if (type is 'd' or 'i' or 'u' or 'o' or 'x' or 'X')
        {
            if (value is double && (type is 'o' or 'x' or 'X')) throw new JinjaException($"%{type} takes an integer");
            var integer = PythonFormatSpec.Whole(value);
            string digits = PythonFormatSpec.Digits(integer, type).PadLeft(precision ?? 0, '0');
            if (alternative && (type is 'o' or 'x' or 'X')) digits = "0" + type + digits;
            text = (integer.Sign < 0 ? "-" : "") + digits;
        }
        else if (type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G') text = PythonFormatSpec.Float(JinjaValues.AsNumber(value)!.Value, type, precision ?? 6, alternative);
        else throw new JinjaException($"the format %{type} is not known");
        return text[0] == '-' ? text : sign + text;
    }

    private object? Named()
    {
        int start = ++_at, depth = 1;
        while (depth > 0)
            depth += Take() switch { '(' => 1, ')' => -1, _ => 0 };
        _usedName = true;
        if (_named is null) throw new JinjaException("a format with names takes a mapping");
        var key = _format.Slice(start, _at - 1);
        return _named.TryGet(key, _budget, out object? value) ? value : throw new JinjaException($"the mapping has no '{key.Text}' for the format");
    }

    private long? Number()
    {
        if (Peek() == '*')
        {
            _at++;
            return JinjaValues.Integer(Next(), "a width of a format");
        }
        int start = _at;
        while (char.IsAsciiDigit(Peek())) _at++;
        return start == _at ? null : long.TryParse(_format.Text.AsSpan(start, _at - start), CultureInfo.InvariantCulture, out long number) ? number
            : throw new JinjaException("a width or precision of a format is too large");
    }

    private object? Next() => _next < _values.Count ? _values[_next++] : throw new JinjaException("the format needs more values");

    private char Peek() => _at < _format.Text.Length ? _format.Text[_at] : '\0';

    private char Take() => _at < _format.Text.Length ? _format.Text[_at++] : throw new JinjaException("a format ends after %");
}
