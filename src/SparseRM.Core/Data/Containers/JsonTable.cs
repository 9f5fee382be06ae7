using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using SparseRM.Data.Formats;
using SparseRM.Errors;

namespace SparseRM.Data.Containers;

/// <summary>
/// The rows of a JSON document: a list of objects; such a list under <c>data</c> or under the name of a split; one row;
/// lists or indexed objects by column (pandas' <c>to_json</c>, orient columns, split or index).
/// </summary>
internal static class JsonTable
{
    /// <summary>True for an object that holds many rows rather than being one.</summary>
    public static bool IsWrapper(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || root.GetPropertyCount() == 0) return false;
        return IsTable(root) || (!FormatCatalog.Knows(root) && Splits(root).Count > 0);
    }

    /// <summary>The same for the only line of a file of lines, which is a row where it can be: a list among its fields makes it no wrapper.</summary>
    public static bool IsTableAndNoRow(JsonElement root)
        => root.ValueKind == JsonValueKind.Object && root.GetPropertyCount() > 0 && (IsByColumn(root) || (IsTable(root) && !FormatCatalog.Knows(root)));

    /// <summary>The rows, in order.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="root">The document.</param>
    /// <param name="split">Which split is read; null: the only one.</param>
    /// <exception cref="DataFormatException">The document has none of the shapes, several splits of which none is named, or none of that name.</exception>
    public static IEnumerable<JsonElement> Rows(string path, JsonElement root, string? split)
    {
        if (root.ValueKind == JsonValueKind.Object && root.GetPropertyCount() > 0)
        {
            bool isTable = HasData(root) ? !BesideData(root) : IsByColumn(root) || IsIndexed(root) || FormatCatalog.Knows(root);
            // A table under the name of a split, such as {"train": {"prompt": [..], ..}}.
            if (!isTable && Splits(root) is { Count: > 0 } splits) return Rows(path, Chosen(path, splits, split), null);
        }
        if (split is not null) throw new DataFormatException(path, 0, $"has no splits, so that '{split}' cannot be chosen; leave the option split out");
        if (root.ValueKind == JsonValueKind.Array) return root.EnumerateArray();
        if (root.ValueKind != JsonValueKind.Object || root.GetPropertyCount() == 0) throw Unknown(path);
        if (HasData(root))
        {
            JsonElement data = root.GetProperty("data");
            return root.TryGetProperty("columns", out JsonElement names) && names.ValueKind == JsonValueKind.Array
                ? BySplit(path, names, data) : data.EnumerateArray();
        }
        if (IsByColumn(root)) return ByColumn(root);
        if (IsIndexed(root)) return Indexed(path, root);
        return FormatCatalog.Knows(root) ? [root] : throw Unknown(path);
    }

    private static JsonElement Chosen(string path, List<JsonProperty> splits, string? split)
    {
        string names = string.Join(", ", splits.Select(one => $"'{one.Name}'"));
        if (split is null)
            return splits is [var only] ? only.Value
                : throw new DataFormatException(path, 0, $"holds several splits ({names}); say which one with the option split");
        foreach (JsonProperty one in splits)
            if (one.Name == split) return one.Value;
        throw new DataFormatException(path, 0, $"has no split '{split}'; it has {names}");
    }

    private static DataFormatException Unknown(string path) => new(path, 0,
        "expected a JSON array of rows, or an object with such an array under 'data' or a split's name, or with a list or an indexed object for each column");

    private static bool IsTable(JsonElement root) => HasData(root) || IsByColumn(root) || IsIndexed(root);

    // {"data": [..], "validation": [..]}: data is one of several splits.
    private static bool BesideData(JsonElement root) => IsRows(root.GetProperty("data")) && Splits(root).Count > 1;

    private static bool HasData(JsonElement root) => root.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Array;

    // Lists of rows under a name, with the tables and single rows beside them, or else tables: the splits of a data set.
    private static List<JsonProperty> Splits(JsonElement root)
    {
        List<JsonProperty> lists = [.. root.EnumerateObject().Where(field => IsRows(field.Value))];
        if (lists.Count > 0) return [.. root.EnumerateObject().Where(field => IsRows(field.Value) || (field.Value.ValueKind == JsonValueKind.Object && IsTableOrRow(field.Value)))];
        return [.. root.EnumerateObject().Where(field => field.Value.ValueKind == JsonValueKind.Object && IsWrapper(field.Value))];
    }

    private static bool IsTableOrRow(JsonElement value) => value.GetPropertyCount() > 0 && (IsTable(value) || FormatCatalog.Knows(value));

    // A list with a row in it; what else it holds is a bad row.

    private static bool IsRows(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
        && value.EnumerateArray().Any(row => row.ValueKind == JsonValueKind.Object) && !Messages.AreMessages(value);

    // A list for each column, all as long, or null for a column without values; a row's own lists hold messages.
    private static bool IsByColumn(JsonElement root)
    {
        int rows = -1;
        foreach (JsonProperty column in root.EnumerateObject())
        {
            if (column.Value.ValueKind == JsonValueKind.Null) continue;
            if (column.Value.ValueKind != JsonValueKind.Array) return false;
            int count = column.Value.GetArrayLength();
            if (count == 0 || (rows >= 0 && count != rows)) return false;
            rows = count;
        }
        return rows > 0 && FormatCatalog.Knows(ByColumn(root).First()) && !FormatCatalog.Reads(root);
    }

    private static IEnumerable<JsonElement> ByColumn(JsonElement root)
    {
        (string Name, JsonElement[] Values)[] columns =
            [.. root.EnumerateObject().Where(column => column.Value.ValueKind == JsonValueKind.Array).Select(column => (column.Name, column.Value.EnumerateArray().ToArray()))];
        for (int row = 0; row < columns[0].Values.Length; row++) yield return Row(columns.Select(column => (column.Name, column.Values[row])));
    }

    // {"prompt": {"0": .., "1": ..}, ..} or {"0": {"prompt": ..}, ..}.
    private static bool IsIndexed(JsonElement root)
        => AllNumbered(root) || root.EnumerateObject().All(column => column.Value.ValueKind == JsonValueKind.Object && AllNumbered(column.Value));

    private static bool AllNumbered(JsonElement value)
        => value.GetPropertyCount() > 0 && value.EnumerateObject().All(field => field.Name.Length > 0 && field.Name.All(char.IsAsciiDigit));

    private static IEnumerable<JsonElement> Indexed(string path, JsonElement root)
    {
        if (AllNumbered(root)) return root.EnumerateObject().Select(row => row.Value);
        (string Name, JsonProperty[] Values)[] columns = [.. root.EnumerateObject().Select(column => (column.Name, column.Value.EnumerateObject().ToArray()))];
        foreach ((string name, JsonProperty[] values) in columns)
            if (values.Length != columns[0].Values.Length || !values.Select(value => value.Name).ToHashSet().SetEquals(columns[0].Values.Select(value => value.Name)))
                throw new DataFormatException(path, 0, $"does not have the same row numbers in its columns '{columns[0].Name}' and '{name}'");
        Dictionary<string, JsonElement>[] byNumber = [.. columns.Select(column => column.Values.ToDictionary(value => value.Name, value => value.Value))];
        return columns[0].Values.Select(row => Row(columns.Zip(byNumber, (column, values) => (column.Name, values[row.Name]))));
    }

    private static IEnumerable<JsonElement> BySplit(string path, JsonElement names, JsonElement data)
    {
        string[] columns = [.. names.EnumerateArray().Select(name => name.ValueKind == JsonValueKind.String ? name.GetString()! : name.GetRawText())];
        foreach (JsonElement row in data.EnumerateArray())
        {
            if (row.ValueKind != JsonValueKind.Array || row.GetArrayLength() != columns.Length)
                throw new DataFormatException(path, 0, $"a row under 'data' is no list of {columns.Length} values, as many as 'columns' has");
            yield return Row(columns.Zip(row.EnumerateArray()));
        }
    }

    private static JsonElement Row(IEnumerable<(string Name, JsonElement Value)> fields)
    {
        var utf8 = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(utf8))
        {
            json.WriteStartObject();
            foreach ((string name, JsonElement value) in fields)
            {
                json.WritePropertyName(name);
                json.WriteRawValue(JsonMarshal.GetRawUtf8Value(value), skipInputValidation: true);
            }
            json.WriteEndObject();
        }
        return JsonElement.Parse(utf8.WrittenSpan);
    }
}
