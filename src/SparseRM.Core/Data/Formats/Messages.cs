using System.Buffers;
using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Message lists: <c>{role, content}</c> or ShareGPT's <c>{from, value}</c>, with every other field kept.</summary>
internal static class Messages
{
    private static readonly string[] s_notText = ["image", "image_url", "images", "audio", "audio_url", "input_audio", "video", "video_url", "file"];
    private static readonly string[] s_media = ["image", "images", "image_url", "image_data", "audio", "audios", "audio_data", "video", "videos", "video_data"];

    /// <summary>Refuses a row with pictures, sound or video in a column of its own: it would be scored as text without them.</summary>
    public static void RefuseMedia(DataRow row)
    {
        foreach (string name in s_media)
            if (row.Has(name) && HoldsSomething(row.Field(name))) throw row.Refuse($"has '{name}' beside its text; only text can be scored");
    }

    private static bool HoldsSomething(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().Any(HoldsSomething),
        JsonValueKind.String => !value.ValueEquals("") && !value.ValueEquals("[]"),
        JsonValueKind.Null or JsonValueKind.False => false,
        _ => true,
    };

    /// <summary>True for a part of a message, of text or of another kind that is known: {"type": "text", "text": ..}, {"type": "image_url", "image_url": ..}.</summary>
    public static bool IsKnownPart(JsonElement part)
        => part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out JsonElement kind) && kind.ValueKind == JsonValueKind.String
            && (IsTextType(kind.GetString()!) ? part.TryGetProperty("text", out _) : s_notText.Any(name => kind.ValueEquals(name) && part.TryGetProperty(name, out _)));

    /// <summary>True for a list of message objects, at least one.</summary>
    public static bool AreMessages(JsonElement value)
        => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(IsMessage);

    /// <summary>True for one message object.</summary>
    public static bool IsMessage(JsonElement value)
        => value.ValueKind == JsonValueKind.Object && ((value.TryGetProperty("role", out _) && HasTurn(value)) || IsShareGpt(value));

    /// <summary>The messages of a list.</summary>
    public static IReadOnlyList<Message> List(DataRow row, JsonElement value, string name)
    {
        var messages = new List<Message>();
        foreach (JsonElement item in row.Items(value, name)) messages.Add(One(row, item, $"{name}[{messages.Count}]"));
        return messages;
    }

    /// <summary>One message; <paramref name="at"/> is what an error calls it.</summary>
    public static Message One(DataRow row, JsonElement item, string at)
    {
        if (item.ValueKind != JsonValueKind.Object) throw row.Refuse($"field '{at}' must be a message with role and content, found {DataRow.Kind(item)}");
        (string roleName, string contentName) = IsShareGpt(item) ? ("from", "value") : ("role", "content");
        if (!item.TryGetProperty(roleName, out JsonElement role)) throw row.Refuse($"field '{at}.{roleName}' is missing");
        string speaker = Role(row, row.Text(role, $"{at}.{roleName}"), $"{at}.{roleName}", contentName == "value");
        bool hasContent = item.TryGetProperty(contentName, out JsonElement content);
        bool isNull = hasContent && content.ValueKind == JsonValueKind.Null;
        JsonFields? fields = Fields(row, item, at, roleName, contentName, isNull);
        if (hasContent && !isNull) return new Message(speaker, Content(row, content, $"{at}.{contentName}")) { Fields = fields };
        // Only a message that says something else may have no text.
        if (fields is not { StandForContent: true })
            throw row.Refuse(isNull ? $"field '{at}.{contentName}' must be text, found null" : $"field '{at}.{contentName}' is missing");
        return new Message(speaker, null) { Fields = fields };
    }

    /// <summary>A text, or the text parts of a list joined; a part of another type is refused, and so is a list without any, which is no empty text.</summary>
    public static string Content(DataRow row, JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.Array) return row.Text(value, name);
        if (value.GetArrayLength() == 0) throw row.Refuse($"field '{name}' is an empty list, expected text or a list of text parts");
        return string.Concat(value.EnumerateArray().Select((part, i) => Part(row, part, $"{name}[{i}]")));
    }

    private static string Part(DataRow row, JsonElement part, string name)
    {
        if (part.ValueKind == JsonValueKind.String) return row.Text(part, name);
        if (part.ValueKind != JsonValueKind.Object) throw row.Refuse($"field '{name}' must be a text part, found {DataRow.Kind(part)}");
        string type = part.TryGetProperty("type", out JsonElement kind) ? row.Text(kind, name + ".type") : "text";
        if (!IsTextType(type))
            throw row.Refuse($"field '{name}' is a part of type '{type}'; only text can be scored");
        foreach (string other in s_notText)
            if (part.TryGetProperty(other, out JsonElement media) && media.ValueKind != JsonValueKind.Null)
                throw row.Refuse($"field '{name}' has '{other}' beside its text; only text can be scored");
        return part.TryGetProperty("text", out JsonElement text) ? row.Text(text, name + ".text") : throw row.Refuse($"field '{name}.text' is missing");
    }

    private static bool IsTextType(string type) => type is "text" or "input_text" or "output_text";

    private static bool HasTurn(JsonElement value)
        => value.TryGetProperty("content", out _) || value.TryGetProperty("tool_calls", out _) || value.TryGetProperty("function_call", out _);

    /// <summary>The same for a value that lies in a text, which may be an answer that is JSON: <c>from</c> and <c>value</c> need a speaker that is known.</summary>
    public static bool IsMessageInText(JsonElement value)
        => IsMessage(value) && (!IsShareGpt(value) || (value.GetProperty("from") is { ValueKind: JsonValueKind.String } from && MessageRoles.Known(from.GetString()!) is not null));

    private static bool IsShareGpt(JsonElement value)
        => value.TryGetProperty("from", out _) && value.TryGetProperty("value", out _) && !value.TryGetProperty("role", out _);

    private static string Role(DataRow row, string name, string at, bool isShareGpt)
    {
        if (name.Length == 0) throw row.Refuse($"field '{at}' is empty");
        string? known = MessageRoles.Known(name);
        if (known is null && isShareGpt)
            throw row.Refuse($"field '{at}' is '{name}'; known are human, user, gpt, assistant, system, tool and observation");
        return known ?? name;
    }

    private static JsonFields? Fields(DataRow row, JsonElement item, string at, string roleName, string contentName, bool nullContent)
    {
        // Role and content alone, as nearly always.
        if (item.GetPropertyCount() == 2 && !nullContent && item.TryGetProperty(contentName, out _)) return null;
        var utf8 = new ArrayBufferWriter<byte>();
        int count = 0;
        using (var json = new Utf8JsonWriter(utf8))
        {
            json.WriteStartObject();
            foreach (JsonProperty field in item.EnumerateObject())
            {
                if (field.NameEquals(roleName) || (field.NameEquals(contentName) && !nullContent)) continue;
                JsonText.Check(row, field.Value, $"{at}.{field.Name}");
                if (field.NameEquals(contentName)) json.WriteNull("content");
                else field.WriteTo(json);
                count++;
            }
            json.WriteEndObject();
        }
        return count == 0 ? null : new JsonFields(JsonElement.Parse(utf8.WrittenSpan));
    }
}
