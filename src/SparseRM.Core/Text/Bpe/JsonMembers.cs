using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Text.Bpe;

/// <summary>Typed access to the nested values of a tokenizer's files, naming file and field in every refusal.</summary>
internal static class JsonMembers
{
    /// <summary>Bytes of a tokenizer.json; the largest published ones have some 35 MB.</summary>
    public const int MaxFileLength = 256 << 20;

    /// <summary>Highest id plus one; no vocabulary comes near.</summary>
    public const int MaxIds = 1 << 24;

    /// <summary>A member that is present and not null.</summary>
    public static bool TryGet(this JsonElement element, string name, out JsonElement value) =>
        element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A member of one kind, or null where it is absent or null.</summary>
    public static JsonElement? Member(this JsonElement element, string name, JsonValueKind kind, string path)
    {
        if (!element.TryGet(name, out var value)) return null;
        return value.ValueKind == kind ? value
            : throw new ModelFormatException(path, $"{name} is {StrictJson.Shown(value)}, expected {StrictJson.Kind(kind)}");
    }

    /// <summary>A string member, or null where it is absent or null.</summary>
    public static string? Text(this JsonElement element, string name, string path) =>
        element.Member(name, JsonValueKind.String, path) is { } value ? value.GetString() : null;

    /// <summary>A boolean member, or null where it is absent or null.</summary>
    public static bool? Flag(this JsonElement element, string name, string path)
    {
        if (!element.TryGet(name, out var value)) return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        throw new ModelFormatException(path, $"{name} is {StrictJson.Shown(value)}, expected true or false");
    }

    /// <summary>A token id: an integer from 0 up to more than any vocabulary has.</summary>
    public static int Id(JsonElement value, string token, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id is >= 0 and < MaxIds
            ? id
            : throw new ModelFormatException(path, $"the id of '{token}' is {StrictJson.Shown(value)}, expected an integer from 0 to {MaxIds - 1}");

    /// <summary>Type of a part of a tokenizer.json (<c>{"type": "NFC", ...}</c>).</summary>
    public static string TypeOf(JsonElement element, string field, string path)
    {
        if (element.ValueKind != JsonValueKind.Object) throw new ModelFormatException(path, $"{field} is not an object: {Shown(element)}");
        return element.Text("type", path) ?? throw new ModelFormatException(path, $"{field} has no type");
    }

    /// <summary>Parts of a list that must be there.</summary>
    public static IEnumerable<JsonElement> Parts(this JsonElement element, string name, string path) =>
        (element.Member(name, JsonValueKind.Array, path) ?? throw new ModelFormatException(path,
            $"'{name}' is missing in {Shown(element)}")).EnumerateArray();

    /// <summary>For messages: a part of a tokenizer.json, in one line and cut after 200 characters.</summary>
    public static string Shown(JsonElement element)
    {
        string raw = element.GetRawText().ReplaceLineEndings(" ");
        return raw.Length <= 200 ? raw : raw[..200] + "...";
    }
}
