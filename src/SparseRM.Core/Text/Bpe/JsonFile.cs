using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>Reads JSON files of a tokenizer folder, naming file and field in every refusal.</summary>
internal static class JsonFile
{
    /// <summary>The file's root object; the caller disposes the document.</summary>
    public static JsonDocument Open(string path)
    {
        try
        {
            byte[] content = File.ReadAllBytes(path);
            CheckStrings(content);
            var document = JsonDocument.Parse(content);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException error)
        {
            throw new ModelFormatException(path,
                $"not valid JSON (line {error.LineNumber + 1}); copy the file again from where the model came from", error);
        }
        catch (InvalidOperationException error)
        {
            throw new ModelFormatException(path, "a string holds half of a surrogate pair or bytes that are not UTF-8", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(path, $"cannot be read ({error.Message})", error);
        }
        throw new ModelFormatException(path, "expected a JSON object");
    }

    /// <summary>A member that is present and not null.</summary>
    public static bool TryGet(this JsonElement element, string name, out JsonElement value) =>
        element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A member of one kind, or null where it is absent or null.</summary>
    public static JsonElement? Member(this JsonElement element, string name, JsonValueKind kind, string path)
    {
        if (!element.TryGet(name, out var value)) return null;
        return value.ValueKind == kind ? value
            : throw new ModelFormatException(path, $"{name} is {Shown(value)}, expected {kind.ToString().ToLowerInvariant()}");
    }

    /// <summary>A string member, or null where it is absent or null.</summary>
    public static string? Text(this JsonElement element, string name, string path) =>
        element.Member(name, JsonValueKind.String, path) is { } value ? value.GetString() : null;

    /// <summary>A boolean member.</summary>
    public static bool? Flag(this JsonElement element, string name, string path)
    {
        if (!element.TryGet(name, out var value)) return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        throw new ModelFormatException(path, $"{name} is {Shown(value)}, expected true or false");
    }

    /// <summary>A token id: an integer from 0 up to a million and more than any vocabulary has.</summary>
    public static int Id(JsonElement value, string token, string path) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int id) && id is >= 0 and < 1 << 24
            ? id
            : throw new ModelFormatException(path, $"the id of '{token}' is {Shown(value)}, expected an integer from 0 to {(1 << 24) - 1}");

    // Decodes every string once, so that no later access to a name or value can fail.
    private static void CheckStrings(byte[] content)
    {
        var reader = new Utf8JsonReader(content);
        while (reader.Read())
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName) _ = reader.GetString();
    }

    private static string Shown(JsonElement value)
    {
        string raw = value.GetRawText();
        return raw.Length <= 60 ? raw : raw[..60] + "...";
    }
}
