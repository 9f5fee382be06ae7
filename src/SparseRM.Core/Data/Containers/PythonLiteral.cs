using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace SparseRM.Data.Containers;

/// <summary>
/// A list or dict as Python's <c>repr</c> writes it, as JSON: what pandas puts into a csv cell. numpy leaves the commas between
/// dicts out, so they are not asked for.
/// </summary>
internal ref struct PythonLiteral
{
    private const int MaxDepth = 60;
    private readonly ReadOnlySpan<char> _text;
    private readonly Utf8JsonWriter _json;
    private int _at;

    private PythonLiteral(ReadOnlySpan<char> text, Utf8JsonWriter json)
    {
        _text = text;
        _json = json;
    }

    /// <summary>The value, or null where the text is not one literal.</summary>
    public static JsonElement? Parse(ReadOnlySpan<char> text)
    {
        var utf8 = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(utf8))
        {
            var reader = new PythonLiteral(text, json);
            if (!reader.Value(0) || reader.Peek() != '\0' || reader._at != text.Length) return null;
        }
        // Read strictly again: Python keeps the last of two equal keys, which is not what a writer meant.
        return JsonLines.Parse(utf8.WrittenSpan, out _);
    }

    private bool Value(int depth)
    {
        if (depth > MaxDepth) return false;
        switch (Peek())
        {
            case '[':
                return List(']', depth);
            case '(':
                return List(')', depth);
            case '{':
                return Dict(depth);
            case '\'' or '"':
                if (Text() is not { } text) return false;
                _json.WriteStringValue(text);
                return true;
            default:
                return Word();
        }
    }

    private bool List(char close, int depth)
    {
        _at++;
        _json.WriteStartArray();
        for (bool first = true; ; first = false)
        {
            char last = _text[_at - 1];
            if (Peek() == close) break;
            bool comma = !first && Peek() == ',';
            if (comma) _at++;
            if (Peek() == close) break;
            if (!first && !comma && !(Peek() == '{' && last == '}')) return false;
            if (!Value(depth + 1)) return false;
        }
        _at++;
        _json.WriteEndArray();
        return true;
    }

    private bool Dict(int depth)
    {
        _at++;
        _json.WriteStartObject();
        while (Peek() != '}')
        {
            if (Text() is not { } key || Peek() != ':') return false;
            _at++;
            _json.WritePropertyName(key);
            if (!Value(depth + 1)) return false;
            if (Peek() == ',') _at++;
            else if (Peek() != '}') return false;
        }
        _at++;
        _json.WriteEndObject();
        return true;
    }

    private bool Word()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '.' or '-' or '+')) _at++;
        ReadOnlySpan<char> word = _text[start.._at];
        if (word is "None" or "nan") _json.WriteNullValue();
        else if (word is "True" or "False") _json.WriteBooleanValue(word is "True");
        else if (long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole)) _json.WriteNumberValue(whole);
        else if (double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)) _json.WriteNumberValue(number);
        else return false;
        return true;
    }

    private string? Text()
    {
        char quote = Peek();
        if (quote is not ('\'' or '"')) return null;
        _at++;
        var text = new StringBuilder();
        while (_at < _text.Length)
        {
            char c = _text[_at++];
            if (c == quote) return text.ToString();
            if (c != '\\') text.Append(c);
            else if (!Escape(text)) return null;
        }
        return null;
    }

    private bool Escape(StringBuilder text)
    {
        if (_at == _text.Length) return false;
        char c = _text[_at++];
        int digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits == 0)
        {
            int plain = @"\'""nrtabfv".IndexOf(c, StringComparison.Ordinal);
            if (plain < 0) return false;
            text.Append("\\'\"\n\r\t\a\b\f\v"[plain]);
            return true;
        }
        if (_at + digits > _text.Length || !int.TryParse(_text.Slice(_at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code)
            || !Rune.IsValid(code)) return false;
        _at += digits;
        text.Append(new Rune(code).ToString());
        return true;
    }

    private char Peek()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at])) _at++;
        return _at < _text.Length ? _text[_at] : '\0';
    }
}
