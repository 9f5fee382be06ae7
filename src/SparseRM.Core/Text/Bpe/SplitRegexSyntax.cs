using System.Globalization;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Writes the regular expressions of tokenizer.json files (Oniguruma's syntax) as .NET has them, as far as both mean the same.</summary>
internal sealed class SplitRegexSyntax
{
    private const int MaxLength = 8192, MaxDepth = 32, MaxRepeats = 1000;
    private const string Punctuation = "\\^$.|?*+()[]{}-/#'\"!@%&=~`<>,:; ";
    private static readonly HashSet<string> s_categories = new(StringComparer.Ordinal)
    {
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cn", "Co",
    };
    private readonly string _source, _path;
    private readonly StringBuilder _pattern = new();
    private readonly List<(int First, int Last)> _named = [];
    private int _at;

    /// <summary>Reads the whole expression.</summary>
    /// <exception cref="ModelFormatException">A part is not supported.</exception>
    public SplitRegexSyntax(string source, string path)
    {
        (_source, _path) = (source, path);
        if (source.Length is 0 or > MaxLength) throw new ModelFormatException(path, $"a regex has {source.Length} characters, expected 1 to {MaxLength}");
        Alternatives(depth: 0, ignoresCase: false);
        if (_at < source.Length) throw Unsupported(_at);
        Pattern = _pattern.ToString();
    }

    /// <summary>The expression for .NET.</summary>
    public string Pattern { get; }

    /// <summary>Whether the expression names this character, alone or in a range.</summary>
    public bool Names(char c) => _named.Exists(range => range.First <= c && c <= range.Last);

    private char Peek => _at < _source.Length ? _source[_at] : '\0';

    private bool TryTake(string text)
    {
        if (string.CompareOrdinal(_source, _at, text, 0, text.Length) != 0) return false;
        _at += text.Length;
        return true;
    }

    private void Alternatives(int depth, bool ignoresCase)
    {
        if (depth > MaxDepth) throw Unsupported(_at);
        for (; _at < _source.Length && Peek != ')';)
        {
            if (TryTake("|")) _pattern.Append('|');
            else Term(depth, ignoresCase);
        }
    }

    private void Term(int depth, bool ignoresCase)
    {
        int from = _at, start = _pattern.Length;
        switch (Peek)
        {
            case '(':
                Group(depth, ignoresCase);
                break;
            case '[':
                Class(ignoresCase);
                break;
            case '.':
                _at++;
                _pattern.Append('.');
                break;
            case '^' or '$' or '*' or '+' or '?' or '{' or '}' or ']':
                throw Unsupported(_at);
            default:
                if (!TryCategory(ignoresCase)) Append(Literal(), ignoresCase, inClass: false);
                break;
        }
        Quantifier(from, start);
    }

    private void Group(int depth, bool ignoresCase)
    {
        int from = _at;
        string? open = Array.Find(["(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"], TryTake);
        if (open is null && TryTake("(?")) throw Unsupported(from);
        if (open is null) TryTake("(");
        _pattern.Append(open is null or "(?i:" ? "(?:" : open);
        Alternatives(depth + 1, ignoresCase || open == "(?i:");
        if (!TryTake(")")) throw Unsupported(from);
        _pattern.Append(')');
    }

    private void Class(bool ignoresCase)
    {
        int from = _at++;
        _pattern.Append(TryTake("^") ? "[^" : "[");
        for (bool first = true; Peek != ']' || first; first = false)
        {
            if (_at >= _source.Length || Peek is '[' or ']' || TryTake("&&")) throw Unsupported(from);
            if (TryCategory(ignoresCase)) continue;
            char low = Literal(), high = low;
            if (Peek == '-' && _at + 1 < _source.Length && _source[_at + 1] is not (']' or '['))
            {
                _at++;
                high = Literal();
                if (high < low) throw Unsupported(from);
                if (ignoresCase && !(char.IsAsciiDigit(low) && char.IsAsciiDigit(high))) throw Unsupported(from);
            }
            if (low == high) Append(low, ignoresCase, inClass: true);
            else
            {
                _named.Add((low, high));
                _pattern.Append(Escaped(low)).Append('-').Append(Escaped(high));
            }
        }
        _at++;
        _pattern.Append(']');
    }

    private bool TryCategory(bool ignoresCase)
    {
        int from = _at;
        foreach (string shorthand in (ReadOnlySpan<string>)["\\s", "\\S", "\\d", "\\D"])
            if (TryTake(shorthand))
            {
                _pattern.Append(shorthand);
                return true;
            }
        if (!TryTake("\\p{") && !TryTake("\\P{")) return false;
        bool negated = _source[from + 1] == 'P';
        if (TryTake("^")) negated = !negated;
        int end = _source.IndexOf('}', _at);
        if (ignoresCase || end < 0 || !s_categories.Contains(_source[_at..end])) throw Unsupported(from);
        _pattern.Append(negated ? "\\P{" : "\\p{").Append(_source, _at, end + 1 - _at);
        _at = end + 1;
        return true;
    }

    private char Literal()
    {
        int from = _at;
        if (Peek != '\\') return char.IsSurrogate(Peek) ? throw Unsupported(from) : _source[_at++];
        _at++;
        foreach (var (name, value) in (ReadOnlySpan<(string, char)>)[("r", '\r'), ("n", '\n'), ("t", '\t'), ("f", '\f'), ("v", '\v'), ("a", '\a'), ("e", '\x1B')])
            if (TryTake(name)) return value;
        bool isBraced = TryTake("x{");
        if (isBraced || TryTake("u"))
        {
            int end = isBraced ? _source.IndexOf('}', _at) : Math.Min(_at + 4, _source.Length);
            if (end < 0 || !ushort.TryParse(_source.AsSpan(_at, end - _at), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out ushort code) || char.IsSurrogate((char)code)) throw Unsupported(from);
            _at = isBraced ? end + 1 : end;
            return (char)code;
        }
        if (Punctuation.Contains(Peek) && _at < _source.Length) return _source[_at++];
        throw Unsupported(from);
    }

    // Case is ignored for ASCII letters; the long s and the Kelvin sign are the only others that fold to one of them.
    private void Append(char c, bool ignoresCase, bool inClass)
    {
        _named.Add((c, c));
        if (!ignoresCase || c < '\x80' && !char.IsAsciiLetter(c))
        {
            _pattern.Append(Escaped(c));
            return;
        }
        if (!char.IsAscii(c) || (!inClass && FoldsWithNext(c))) throw Unsupported(_at - 1);
        string cases = $"{char.ToLowerInvariant(c)}{char.ToUpperInvariant(c)}{(c is 's' or 'S' ? "\\u017F" : c is 'k' or 'K' ? "\\u212A" : "")}";
        _pattern.Append(inClass ? cases : $"[{cases}]");
    }

    // Oniguruma folds pairs to ligatures: ss to the sharp s, st, ff, fi and fl to theirs.
    private bool FoldsWithNext(char c) =>
        (char.ToLowerInvariant(c), char.ToLowerInvariant(Peek)) is ('s', 's' or 't') or ('f', 'f' or 'i' or 'l');

    private void Quantifier(int from, int start)
    {
        bool isSimple = true;
        switch (Peek)
        {
            case '*' or '+' or '?':
                _pattern.Append(_source[_at++]);
                break;
            case '{':
                int end = _source.IndexOf('}', _at);
                string[] bounds = end < 0 ? [] : _source[(_at + 1)..end].Split(',');
                if (bounds.Length is 0 or > 2 || !IsCount(bounds[0]) || (bounds.Length == 2 && bounds[1].Length > 0 && !IsCount(bounds[1])))
                    throw Unsupported(_at);
                _pattern.Append(_source, _at, end + 1 - _at);
                _at = end + 1;
                isSimple = false;
                break;
            default:
                return;
        }
        if (isSimple && TryTake("+")) _pattern.Insert(start, "(?>").Append(')');
        else if (isSimple && TryTake("?")) _pattern.Append('?');
        if (Peek is '*' or '+' or '?' or '{') throw Unsupported(from);
    }

    private static bool IsCount(string digits) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count <= MaxRepeats;

    private static string Escaped(char c) => char.IsAsciiLetterOrDigit(c) || c > '\x7F' && !char.IsWhiteSpace(c) && !char.IsControl(c) ? $"{c}" : $"\\u{(int)c:X4}";

    private ModelFormatException Unsupported(int at) => new(_path, $"the regex {_source} is not supported from '{_source[Math.Min(at, _source.Length)..]}' on");
}
