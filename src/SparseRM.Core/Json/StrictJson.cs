using System.Text.Json;
using System.Text.Unicode;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Json;

/// <summary>Opens the JSON files of models, SAEs and tokenizers. All checks are made here, once: what has been opened can be read anywhere without a fault.</summary>
/// <remarks>
/// Refused: bytes that are not UTF-8, halves of surrogate pairs, a name that is there twice, nesting beyond <see cref="MaxDepth"/>, files beyond a
/// limit. A byte order mark at the beginning is skipped.
/// </remarks>
internal static class StrictJson
{
    /// <summary>Levels of objects and arrays; published configs have up to 5.</summary>
    public const int MaxDepth = 64;

    /// <summary>Bytes of a config; the largest published ones have some 100 KB.</summary>
    public const int MaxConfigLength = 16 << 20;

    /// <summary>The root object of a file; nothing needs to be disposed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">Longest file, in bytes.</param>
    /// <exception cref="ModelFormatException">Missing, unreadable, too long, or not a JSON object of the strict form.</exception>
    public static JsonElement OpenObject(string path, int limit = MaxConfigLength) => ParseObject(path, InputFile.ReadAll(path, limit));

    /// <summary>As <see cref="OpenObject"/>, with the bytes from elsewhere; <paramref name="path"/> is for messages.</summary>
    public static JsonElement ParseObject(string path, ReadOnlyMemory<byte> json)
    {
        var root = Parse(path, json);
        return root.ValueKind == JsonValueKind.Object ? root : throw new ModelFormatException(path, $"must be a JSON object, found {Kind(root.ValueKind)}");
    }

    /// <summary>Any JSON value.</summary>
    public static JsonElement Parse(string path, ReadOnlyMemory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
        if (!Utf8.IsValid(json.Span)) throw new ModelFormatException(path, $"is not valid UTF-8 (line {BadLine(json.Span)}); save it as UTF-8 or download it again");
        try
        {
            CheckStrings(path, json.Span);
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new ModelFormatException(path, $"is not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>For messages: <c>an array</c>, <c>a string</c>.</summary>
    public static string Kind(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        _ => "null",
    };

    /// <summary>For messages: the value as the file has it, cut after 60 characters.</summary>
    public static string Shown(JsonElement value)
    {
        string raw = value.GetRawText();
        return raw.Length <= 60 ? raw : raw[..60] + "...";
    }

    /// <summary>Decodes every string and name with an escape once, so that no later access can fail.</summary>
    private static void CheckStrings(string path, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            while (reader.Read())
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped) _ = reader.GetString();
        }
        catch (InvalidOperationException error)
        {
            int line = 1 + json[..(int)reader.TokenStartIndex].Count((byte)'\n');
            throw new ModelFormatException(path, $"is not valid JSON: a string in line {line} holds half of a surrogate pair; download the file again", error);
        }
    }

    private static int BadLine(ReadOnlySpan<byte> json)
    {
        int valid = 0, line = 1;
        for (int next; (next = json[valid..].IndexOf((byte)'\n')) >= 0 && Utf8.IsValid(json.Slice(valid, next)); valid += next + 1) line++;
        return line;
    }
}
