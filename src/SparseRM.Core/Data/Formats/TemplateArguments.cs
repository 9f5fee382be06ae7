using System.Buffers;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>The columns <c>tools</c>, <c>documents</c> and <c>chat_template_kwargs</c>, as one object for the chat template.</summary>
internal static class TemplateArguments
{
    private const string Others = "chat_template_kwargs";
    private static readonly string[] s_lists = ["tools", "documents"];

    /// <summary>What the row gives, or null where it gives nothing.</summary>
    public static JsonFields? Read(DataRow row)
    {
        var values = new Dictionary<string, JsonElement>();
        foreach (string name in s_lists)
            if (Value(row, name, JsonValueKind.Array, "a list") is { } list) values.Add(name, list);
        if (Value(row, Others, JsonValueKind.Object, "an object") is { } others)
            foreach (JsonProperty field in others.EnumerateObject())
                if (!values.TryAdd(field.Name, field.Value))
                    throw row.Refuse($"has '{field.Name}' both as a field and in '{Others}'; keep the one that is meant");
        if (values.Count == 0) return null;
        var utf8 = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(utf8))
        {
            json.WriteStartObject();
            foreach ((string name, JsonElement value) in values)
            {
                json.WritePropertyName(name);
                value.WriteTo(json);
            }
            json.WriteEndObject();
        }
        return new JsonFields(JsonElement.Parse(utf8.WrittenSpan));
    }

    // Many data sets keep these as JSON in a text column, empty where there is nothing.
    private static JsonElement? Value(DataRow row, string name, JsonValueKind kind, string words)
    {
        if (!row.Has(name)) return null;
        JsonElement value = row.Field(name);
        if (value.ValueKind == JsonValueKind.String && string.IsNullOrWhiteSpace(row.Text(value, name))) return null;
        JsonElement inner = DataRow.Structured(value);
        if (inner.ValueKind != kind)
            throw row.Refuse($"field '{name}' must be {words} for the chat template, or that as JSON text, found {DataRow.Kind(value)}; rename it if it is something else");
        JsonText.Check(row, inner, name);
        return inner;
    }
}
