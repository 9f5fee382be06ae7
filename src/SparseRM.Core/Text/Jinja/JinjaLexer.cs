using SparseRM.Errors;
using static SparseRM.Text.Jinja.JinjaTokenKind;

namespace SparseRM.Text.Jinja;

/// <summary>Splits a template into tokens, with the white space rules that transformers sets: trim_blocks and lstrip_blocks on, last
/// newline dropped.</summary>
internal sealed partial class JinjaLexer
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

    private ModelFormatException Error(string problem) => new(_name, $"chat template, line {_line}: {JinjaEvaluator.Shown(problem)}");
}
