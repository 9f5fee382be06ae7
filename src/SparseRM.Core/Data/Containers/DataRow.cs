using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>One row of any container: its columns as JSON values, or the reason why it could not be read.</summary>
internal sealed class DataRow
{
    private static readonly IReadOnlyDictionary<string, JsonElement> s_none = new Dictionary<string, JsonElement>();
    private readonly string _path;
    private readonly string _unit;
    private readonly HashSet<string>? _twins;

    private DataRow(
        string path, long line, string unit, JsonElement source, IReadOnlyDictionary<string, JsonElement> columns, string? problem, HashSet<string>? twins)
        => (_path, Line, _unit, Source, Columns, Problem, _twins) = (path, line, unit, source, columns, problem, twins);

    /// <summary>Line or row, from 1.</summary>
    public long Line { get; }

    /// <summary>The whole row; undefined for a bad one.</summary>
    public JsonElement Source { get; }

    /// <summary>The text of a line that has no <see cref="Source"/>; empty otherwise.</summary>
    public ReadOnlyMemory<byte> Unread { get; private init; }

    /// <summary>Values by column name, whatever its capitals.</summary>
    public IReadOnlyDictionary<string, JsonElement> Columns { get; }

    /// <summary>Why the row is unreadable; null for a good row.</summary>
    public string? Problem { get; }

    /// <summary>Columns that the user named, by our names for them; other columns that mean the same are passed over.</summary>
    public IReadOnlyDictionary<string, string> Named { get; private init; } = PreferenceReadOptions.NoColumns;

    public static DataRow Bad(string path, long line, string problem, string unit = "line") => new(path, line, unit, default, s_none, problem, null);

    /// <summary>The row with the text that could not be read as one.</summary>
    public DataRow WithUnread(ReadOnlyMemory<byte> text) => new(_path, Line, _unit, Source, Columns, Problem, _twins) { Unread = text };

    /// <summary>Takes a JSON value as a row; a row that is not an object, or repeats a field, becomes a bad one.</summary>
    public static DataRow Of(string path, long line, JsonElement value, string unit = "line")
    {
        if (value.ValueKind != JsonValueKind.Object) return Bad(path, line, $"expected a JSON object, found {Kind(value)}", unit);
        var columns = new Dictionary<string, JsonElement>(StringComparer.OrdinalIgnoreCase);
        HashSet<string>? twins = null;
        try
        {
            foreach (JsonProperty field in value.EnumerateObject())
            {
                if (columns.TryAdd(field.Name, field.Value)) continue;
                if (columns.Keys.Any(name => name == field.Name)) return Bad(path, line, $"field '{field.Name}' occurs twice", unit);
                (twins ??= new(StringComparer.OrdinalIgnoreCase)).Add(field.Name);
            }
        }
        catch (InvalidOperationException)
        {
            return Bad(path, line, "a field's name holds a lone surrogate, which is not text", unit);
        }
        return new DataRow(path, line, unit, value, columns, null, twins);
    }

    /// <summary>The row with columns under our names for them, by what the user said (our name, the file's name).</summary>
    /// <exception cref="DataFormatException">The row has no column of that name.</exception>
    public DataRow WithNames(IReadOnlyDictionary<string, string> names)
    {
        if (names.Count == 0 || Problem is not null) return this;
        var columns = new Dictionary<string, JsonElement>(Columns, StringComparer.OrdinalIgnoreCase);
        foreach (string source in names.Values) columns.Remove(source);
        foreach ((string name, string source) in names)
            columns[name] = Find(source) is { } value ? value : throw Refuse($"has no column '{source}', which was named as the {name}; it has {ColumnList()}");
        return new DataRow(_path, Line, _unit, Source, columns, null, _twins) { Named = names };
    }

    /// <summary>The row of a JSON object inside this one, with this one's line.</summary>
    public DataRow Inner(JsonElement value) => Of(_path, Line, value, _unit);

    /// <summary>Its columns, for a sentence.</summary>
    public string ColumnList() => Columns.Count == 0 ? "no columns" : "the columns " + string.Join(", ", Columns.Keys.Take(20));

    /// <summary>True where the column is there and not null.</summary>
    public bool Has(string name) => Find(name) is { ValueKind: not JsonValueKind.Null };

    /// <summary>True where every column is there and not null.</summary>
    public bool HasAll(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            if (!Has(name)) return false;
        return true;
    }

    /// <summary>The column's kind of value; <see cref="JsonValueKind.Undefined"/> where it is absent.</summary>
    public JsonValueKind KindOf(string name) => Find(name)?.ValueKind ?? JsonValueKind.Undefined;

    private JsonElement? Find(string name)
    {
        if (!Columns.TryGetValue(name, out JsonElement value)) return null;
        if (_twins?.Contains(name) == true && !Named.ContainsKey(name))
            throw Refuse($"has several columns that differ from '{name}' only in capitals; rename all but the one that is meant");
        return value;
    }

    /// <summary>What is wrong with the row, or with the file of which it is one.</summary>
    public DataFormatException Refuse(string problem, bool wholeFile = false) => new(_path, wholeFile ? 0 : Line, problem, _unit);

    public JsonElement Field(string name) => Find(name) is { ValueKind: not JsonValueKind.Null } value ? value : throw Refuse($"field '{name}' is missing");

    public string Text(string name) => Text(Field(name), name);

    /// <summary>The value as a string; <paramref name="name"/> is what an error calls it.</summary>
    public string Text(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String) throw Refuse($"field '{name}' must be text, found {Kind(value)}");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Refuse(value.GetRawText() == ParquetLeaf.NotText
                ? $"field '{name}' holds bytes that are not UTF-8 text" : $"field '{name}' holds a lone surrogate, which is not text");
        }
    }

    /// <summary>The items of a JSON array, or of a text that holds one (a csv cell, an encoded column).</summary>
    public IReadOnlyList<JsonElement> Items(JsonElement value, string name)
        => Structured(value) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : throw Refuse($"field '{name}' must be a list, found {Kind(value)}");

    /// <summary>The list or object that a text holds as JSON or as Python prints it; any other value as it is.</summary>
    public static JsonElement Structured(JsonElement value)
        => value.ValueKind == JsonValueKind.String && StructuredText.Parse(value) is { } inner ? inner : value;

    /// <summary>A yes or no: a boolean, 0 or 1, or one of these as text (csv).</summary>
    public bool Flag(JsonElement value, string name)
    {
        string text = value.ValueKind == JsonValueKind.String ? Text(value, name) : value.GetRawText();
        return text.ToLowerInvariant() switch
        {
            "true" or "1" or "1.0" => true,
            "false" or "0" or "0.0" => false,
            _ => throw Refuse($"field '{name}' must be true, false, 1 or 0, found {Kind(value)}"),
        };
    }

    /// <summary>The first of the columns that is there, as text; numbers as they are written.</summary>
    public string? Label(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (_twins?.Contains(name) == true || !Columns.TryGetValue(name, out JsonElement value)) continue;
            if (value.ValueKind == JsonValueKind.Number) return value.GetRawText();
            if (value.ValueKind == JsonValueKind.String) return Text(value, name);
        }
        return null;
    }

    internal static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "text",
        JsonValueKind.Number => $"the number {Clip(value.GetRawText())}",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    private static string Clip(string text) => text.Length <= 30 ? text : text[..30] + "...";
}
