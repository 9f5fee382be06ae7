using System.Buffers;
using System.Text;
using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>
/// csv after RFC 4180: a header row, quoted fields with doubled quotes and line breaks; LF and CRLF; a byte order mark allowed.
/// Fields are apart by comma, semicolon or tab, whichever the header has most of; columns without a name (an index) are left out.
/// </summary>
internal sealed class CsvRows
{
    private const int Unread = -2;
    private readonly string _path;
    private readonly TextReader _text;
    private readonly StringBuilder _cell = new();
    private long _line = 1;
    private string? _problem;
    private char _separator = ',';
    private int _next = Unread;

    private CsvRows(string path, TextReader text) => (_path, _text) = (path, text);

    /// <summary>What the header's fields are apart by: comma, semicolon or tab.</summary>
    /// <param name="head">The file's first bytes.</param>
    public static char Separator(ReadOnlySpan<byte> head)
    {
        int commas = 0, semicolons = 0, tabs = 0;
        bool quoted = false;
        foreach (byte c in head)
        {
            if (c == '"') quoted = !quoted;
            if (quoted) continue;
            if (c is (byte)'\n') break;
            if (c == ',') commas++;
            if (c == ';') semicolons++;
            if (c == '\t') tabs++;
        }
        return tabs > commas && tabs > semicolons ? '\t' : semicolons > commas ? ';' : ',';
    }

    /// <summary>Rows in file order; a row's line is the one on which it begins. A row of the wrong width is a bad row.</summary>
    public static IEnumerable<DataRow> Read(string path, Stream stream, char separator)
    {
        using var text = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true), leaveOpen: true);
        var reader = new CsvRows(path, text) { _separator = separator };
        if (reader.Next() is not { } header) yield break;
        if (reader._problem is not null) throw new DataFormatException(path, 1, reader._problem);
        for (int i = 0; i < header.Count; i++) header[i] = header[i].Trim();
        if (header.Where(name => name.Length > 0).GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new DataFormatException(path, 1, $"column '{twice.Key}' occurs twice in the header");
        for (long line = reader._line; reader.Next() is { } cells; line = reader._line)
        {
            if (cells is [""]) continue;
            if (reader._problem is { } problem) yield return DataRow.Bad(path, line, problem);
            else if (cells.Count != header.Count)
                yield return DataRow.Bad(path, line, $"has {cells.Count} fields where the header has {header.Count}");
            else yield return DataRow.Of(path, line, AsJson(header, cells));
        }
    }

    /// <summary>The next row's cells, or null at the end; what was wrong with it goes to <see cref="_problem"/>.</summary>
    private List<string>? Next()
    {
        _problem = null;
        if (Peek() < 0) return null;
        var cells = new List<string>();
        for (long length = 0; ;)
        {
            cells.Add(Peek() == '"' ? Quoted() : Plain());
            length += cells[^1].Length;
            if (length > Limits.LineBytes) throw new DataFormatException(_path, _line, "is longer than 64 Mi characters");
            int c = Take();
            if (c == _separator) continue;
            if (c == '\r' && Peek() == '\n') Take();
            return cells;
        }
    }

    private string Plain()
    {
        _cell.Clear();
        while (Peek() is var c && c >= 0 && c != _separator && c is not ('\n' or '\r'))
        {
            if (c == '"') _problem ??= "a quote stands inside a field that is not quoted";
            Append(Take());
        }
        return _cell.ToString();
    }

    private string Quoted()
    {
        long opened = _line;
        _cell.Clear();
        Take();
        for (; ; )
        {
            int c = Take();
            if (c < 0) throw new DataFormatException(_path, opened, "a quoted field that begins here is never closed");
            if (c != '"') Append(c);
            else if (Peek() == '"') Append(Take());
            else break;
        }
        while (Peek() is var c && c >= 0 && c != _separator && c is not ('\n' or '\r'))
        {
            _problem ??= "text follows the closing quote of a field";
            Take();
        }
        return _cell.ToString();
    }

    private void Append(int c)
    {
        if (_cell.Length >= Limits.LineBytes) throw new DataFormatException(_path, _line, "is longer than 64 Mi characters");
        _cell.Append((char)c);
    }

    // StreamReader.Peek may give -1 before the end, so the look-ahead is kept here.
    private int Peek()
    {
        if (_next != Unread) return _next;
        try
        {
            return _next = _text.Read();
        }
        catch (DecoderFallbackException)
        {
            // Found where a block is read, long before the line that it is in.
            throw new DataFormatException(_path, 0, "is not UTF-8 text; save it as UTF-8");
        }
    }

    private int Take()
    {
        int c = Peek();
        if (c >= 0) _next = Unread;
        // A lone CR ends a row too, but CR LF is one line end.
        if (c == '\n' || (c == '\r' && Peek() != '\n')) _line++;
        return c;
    }

    private static JsonElement AsJson(List<string> header, List<string> cells)
    {
        var utf8 = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(utf8))
        {
            json.WriteStartObject();
            for (int i = 0; i < header.Count; i++)
                if (header[i].Length > 0) json.WriteString(header[i], cells[i]);
            json.WriteEndObject();
        }
        return JsonElement.Parse(utf8.WrittenSpan);
    }
}
