using System.Globalization;
using System.Text;
using static SparseRM.Text.Jinja.JinjaTokenKind;

namespace SparseRM.Text.Jinja;

// Numbers and strings.
internal sealed partial class JinjaLexer
{
    private void AddNumber()
    {
        int start = _at;
        while (_at < _source.Length && (char.IsAsciiDigit(_source[_at]) || _source[_at] == '_')) _at++;
        bool point = _at + 1 < _source.Length && _source[_at] == '.' && char.IsAsciiDigit(_source[_at + 1]);
        if (point)
            for (_at++; _at < _source.Length && char.IsAsciiDigit(_source[_at]);) _at++;
        if (_at < _source.Length && _source[_at] is 'e' or 'E')
        {
            int exponent = _at + 1 < _source.Length && _source[_at + 1] is '+' or '-' ? _at + 2 : _at + 1;
            int end = exponent;
            while (end < _source.Length && char.IsAsciiDigit(_source[end])) end++;
            if (end > exponent) (_at, point) = (end, true);
        }
        if (_at == start + 1 && _source[start] == '0' && _at < _source.Length && _source[_at] is 'x' or 'X' or 'o' or 'O' or 'b' or 'B')
        {
            AddRadix(char.ToLowerInvariant(_source[_at++]) switch { 'x' => 16, 'o' => 8, _ => 2 });
            return;
        }
        string digits = _source[start.._at].Replace("_", "", StringComparison.Ordinal);
        if (!point && !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            throw Error($"the number {digits} is too large");
        Add(point ? Float : Integer, digits, _line);
    }

    private void AddRadix(int radix)
    {
        long value = 0;
        int start = _at;
        for (; _at < _source.Length && (char.IsAsciiHexDigit(_source[_at]) || _source[_at] == '_'); _at++)
        {
            if (_source[_at] == '_') continue;
            int digit = Convert.ToInt32(_source[_at].ToString(), 16);
            if (digit >= radix) break;
            if (value > (long.MaxValue - digit) / radix) throw Error("a number is too large");
            value = value * radix + digit;
        }
        if (_at == start) throw Error("a number has no digits");
        Add(Integer, value.ToString(CultureInfo.InvariantCulture), _line);
    }

    private void AddString(char quote)
    {
        var text = new StringBuilder();
        int line = _line;
        for (_at++; ; _at++)
        {
            if (_at >= _source.Length) throw Error("a string is not closed");
            char c = _source[_at];
            if (c == quote) break;
            if (c == '\n') _line++;
            if (c == '\\' && _at + 1 < _source.Length) AddEscape(text);
            else text.Append(c);
        }
        _at++;
        Add(JinjaTokenKind.String, text.ToString(), line);
    }

    // Python's escapes; an unknown one stays as it is written.
    private void AddEscape(StringBuilder text)
    {
        char c = _source[++_at];
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (_at + digits >= _source.Length
                || !int.TryParse(_source.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out int code) || code is < 0 or > 0x10FFFF)
                throw Error($"the escape \\{c} is not followed by {digits} hexadecimal digits");
            if (code is >= 0xD800 and <= 0xDFFF) throw Error($"the escape \\{c} gives half of a surrogate pair, which no tokenizer can encode");
            text.Append(char.ConvertFromUtf32(code));
            _at += digits;
            return;
        }
        int known = "nrtbfva0\\'\"\n".IndexOf(c, StringComparison.Ordinal);
        if (known < 0) text.Append('\\').Append(c);
        else if (c != '\n') text.Append("\n\r\t\b\f\v\a\0\\'\""[known]);
        else _line++;
    }
}
