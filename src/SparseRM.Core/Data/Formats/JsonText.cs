using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>Whether everything in a JSON value is text: JSON can spell halves of surrogate pairs, which no template can write. The readers have seen to the names.</summary>
internal static class JsonText
{
    /// <summary>Refuses a value in which a text holds a lone surrogate.</summary>
    public static void Check(DataRow row, JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.String) row.Text(value, name);
        else if (value.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty field in value.EnumerateObject()) Check(row, field.Value, $"{name}.{field.Name}");
        else if (value.ValueKind == JsonValueKind.Array)
            foreach (JsonElement item in value.EnumerateArray()) Check(row, item, name);
    }
}
