using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>Whether everything in a JSON value is text: JSON can spell halves of surrogate pairs, which no template can write.</summary>
internal static class JsonText
{
    /// <summary>Refuses a field in which a name or a text holds a lone surrogate.</summary>
    public static void Check(DataRow row, JsonProperty field, string name)
    {
        try
        {
            Check(row, field.Value, name.Length == 0 ? field.Name : $"{name}.{field.Name}");
        }
        catch (InvalidOperationException)
        {
            throw row.Refuse($"a name in field '{name}' holds a lone surrogate, which is not text");
        }
    }

    /// <summary>Refuses a value in which a name or a text holds a lone surrogate.</summary>
    public static void Check(DataRow row, JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.String) row.Text(value, name);
        else if (value.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty field in value.EnumerateObject()) Check(row, field, name);
        else if (value.ValueKind == JsonValueKind.Array)
            foreach (JsonElement item in value.EnumerateArray()) Check(row, item, name);
    }
}
