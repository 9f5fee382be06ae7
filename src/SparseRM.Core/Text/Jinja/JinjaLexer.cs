using System.Globalization;
using System.Text;
using SparseRM.Errors;
using static SparseRM.Text.Jinja.JinjaTokenKind;

namespace SparseRM.Text.Jinja;

/// <summary>Splits a template into tokens, with the white space rules that transformers sets: trim_blocks and lstrip_blocks on, last
/// newline dropped.</summary>
internal sealed class JinjaLexer
{
    private static readonly string[] s_operators = ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(",
        ")", "[", "]", "{", "}", ",", ":", ".", "|", ";"];
    private readonly string _name, _source;
    private readonly List<JinjaToken> _tokens = [];
    private int _at, _line = 1;

    private JinjaLexer(string name, string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        (_name, _source) = (name, source.EndsWith('\n') ? source[..^1] : source);
    }

    /// <summary>All tokens, the last of kind <see cref="End"/>.</summary>
    public static List<JinjaToken> Split(string name, string source)
    {
        var lexer = new JinjaLexer(name, source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        bool stripNext = false, dropNewLine = false;
        while (true)
        {
            int open = FindOpen(_at);
            string data = _source[_at..(open < 0 ? _source.Length : open)];
            int dataLine = _line;
            _line += data.Count(c => c == '\n');
            if (stripNext) data = data.TrimStart();
            else if (dropNewLine && data.StartsWith('\n')) data = data[1..];
            if (open < 0)
            {
                Add(Verbatim, data, dataLine);
                Add(End, "", _line);
                return;
            }
            char kind = _source[open + 1], control = open + 2 < _source.Length ? _source[open + 2] : ' ';
            if (control == '-') data = data.TrimEnd();
            else if (kind != '{' && control != '+') data = StripLineStart(data, open);
            Add(Verbatim, data, dataLine);
            _at = open + 2 + (control is '-' or '+' ? 1 : 0);
            if (kind == '#') (stripNext, dropNewLine) = SkipComment();
            else if (kind == '%' && TryRaw(out bool strip)) (stripNext, dropNewLine) = (strip, true);
            else (stripNext, dropNewLine) = Tag(kind);
        }
    }

    private void Add(JinjaTokenKind kind, string text, int line)
    {
        if (kind != Verbatim || text.Length > 0) _tokens.Add(new JinjaToken(kind, text, line));
    }

    private int FindOpen(int from)
    {
        for (int i = from; (i = _source.IndexOf('{', i)) >= 0 && i + 1 < _source.Length; i++)
            if (_source[i + 1] is '{' or '%' or '#') return i;
        return -1;
    }

    // lstrip_blocks: blanks between the line's start and a tag or comment go.
    private string StripLineStart(string data, int open)
    {
        int start = data.Length;
        while (start > 0 && data[start - 1] != '\n' && char.IsWhiteSpace(data[start - 1])) start--;
        bool lineStart = start > 0 ? data[start - 1] == '\n' : open - data.Length == 0 || _source[open - data.Length - 1] == '\n';
        return lineStart ? data[..start] : data;
    }

    private (bool Strip, bool DropNewLine) SkipComment()
    {
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw Error("a comment is not closed by #}");
        _line += _source.AsSpan(_at, end - _at).Count('\n');
        bool strip = _source[end - 1] == '-' && end > _at;
        _at = end + 2;
        return (strip, true);
    }

    private bool TryRaw(out bool strip)
    {
        strip = false;
        if (!TryBareTag(_at, "raw", out int body, out bool stripBody)) return false;
        for (int open = body; (open = _source.IndexOf("{%", open, StringComparison.Ordinal)) >= 0; open += 2)
        {
            int inner = open + 2 + (open + 2 < _source.Length && _source[open + 2] is '-' or '+' ? 1 : 0);
            if (!TryBareTag(inner, "endraw", out int after, out strip)) continue;
            string data = _source[body..open];
            if (_source[open + 2] == '-') data = data.TrimEnd();
            else if (_source[open + 2] != '+') data = StripLineStart(data, open);
            Add(Verbatim, stripBody ? data.TrimStart() : data, _line);
            _line += _source.AsSpan(_at, after - _at).Count('\n');
            _at = after;
            return true;
        }
        throw Error("{% raw %} is not closed by {% endraw %}");
    }

    private bool TryBareTag(int at, string word, out int after, out bool strip)
    {
        (after, strip) = (at, false);
        while (at < _source.Length && char.IsWhiteSpace(_source[at])) at++;
        if (string.CompareOrdinal(_source, at, word, 0, word.Length) != 0) return false;
        at += word.Length;
        while (at < _source.Length && char.IsWhiteSpace(_source[at])) at++;
        if (at < _source.Length && _source[at] is '-' or '+') strip = _source[at++] == '-';
        after = at + 2;
        return string.CompareOrdinal(_source, at, "%}", 0, 2) == 0;
    }

    private (bool Strip, bool DropNewLine) Tag(char kind)
    {
        bool output = kind == '{';
        string close = output ? "}}" : "%}";
        Add(output ? OutputStart : TagStart, "", _line);
        int depth = 0;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
                if (_source[_at++] == '\n') _line++;
            if (_at >= _source.Length) throw Error($"a tag is not closed by {close}");
            if (depth == 0)
                foreach (string control in (ReadOnlySpan<string>)["-", "+", ""])
                    if (string.CompareOrdinal(_source, _at, control + close, 0, control.Length + 2) == 0)
                    {
                        _at += control.Length + 2;
                        Add(output ? OutputEnd : TagEnd, "", _line);
                        return (control == "-", !output && control != "+");
                    }
            depth += Token();
        }
    }

    private int Token()
    {
        char c = _source[_at];
        if (c is '"' or '\'') AddString(c);
        else if (char.IsAsciiDigit(c)) AddNumber();
        else if (char.IsLetter(c) || c == '_')
        {
            int start = _at;
            while (_at < _source.Length && (char.IsLetterOrDigit(_source[_at]) || _source[_at] == '_')) _at++;
            Add(Name, _source[start.._at], _line);
        }
        else
        {
            string op = Array.Find(s_operators, op =>
                string.CompareOrdinal(_source, _at, op, 0, op.Length) == 0) ?? throw Error($"unexpected character '{c}'");
            _at += op.Length;
            Add(Operator, op, _line);
            return op is "(" or "[" or "{" ? 1 : op is ")" or "]" or "}" ? -1 : 0;
        }
        return 0;
    }

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

    private ModelFormatException Error(string problem) => new(_name, $"chat template, line {_line}: {JinjaEvaluator.Shown(problem)}");
}
