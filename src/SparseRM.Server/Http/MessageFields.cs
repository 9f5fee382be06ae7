using System.Buffers;
using System.Text;
using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Text;

namespace SparseRM.Server.Http;

/// <summary>Reads messages of a dialogue as OpenAI writes them: a role, a content that is text or a list of text parts, and other fields, which are kept.</summary>
internal static class MessageFields
{
    /// <summary>A list of messages, at least one.</summary>
    public static List<Message> Messages(this JsonElement value, string field, string expected = "a list of messages")
    {
        var messages = new List<Message>(value.List(field, expected).GetArrayLength());
        foreach (var item in value.EnumerateArray()) messages.Add(One(item, $"{field}[{messages.Count}]"));
        return messages.Count > 0 ? messages : throw new Fault(FaultKind.Empty, $"{field} has no messages; give at least one", field);
    }

    /// <summary>A dialogue whose last message is the assistant's: without one there is no answer to score.</summary>
    public static List<Message> Answered(this JsonElement value, string field)
    {
        var messages = value.Messages(field);
        return messages[^1].Role == "assistant" ? messages : throw new Fault(FaultKind.Field,
            $"{field} must end with an answer of the assistant, found a message of '{messages[^1].Role}'; add the answer", $"{field}[{messages.Count - 1}]");
    }

    /// <summary>A prompt: a text, which is one user turn, or messages.</summary>
    public static List<Message> Prompt(this JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? [new Message("user", value.Text(field))] : value.Messages(field, "a string or a list of messages");

    /// <summary>Arguments of the template. Another template among them is refused: templates come from the model's owner only.</summary>
    public static JsonFields TemplateArguments(this JsonElement value, string field)
    {
        value.Object(field).Refuse(field, "templates come from the model's owner only; leave it out", "chat_template");
        return new JsonFields(value);
    }

    /// <summary>A text, or the text parts of a list joined; other parts are refused, since only text is scored, and so is a list without any: nobody said an empty text with it.</summary>
    public static string Content(this JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Array) return value.Text(field);
        if (value.GetArrayLength() == 0) throw new Fault(FaultKind.Field, $"{field} is an empty list, expected a text or a list of text parts", field) { IsPlain = true };
        var text = new StringBuilder();
        int at = 0;
        foreach (var part in value.EnumerateArray())
        {
            string name = $"{field}[{at++}]";
            if (part.ValueKind == JsonValueKind.String)
            {
                text.Append(part.Text(name));
                continue;
            }
            string type = part.Object(name).TextOrNull("type") ?? "text";
            if (type is not ("text" or "input_text" or "output_text"))
                throw new Fault(FaultKind.Field, $"{name} is a part of type '{type}'; only text can be scored", name);
            part.RefuseMedia(name);
            text.Append(part.Need("text", name).Text($"{name}.text"));
        }
        return text.ToString();
    }

    /// <summary>A role as chat templates name it, by the mapping that files are read with.</summary>
    public static string Role(string name) => MessageRoles.Known(name) ?? name;

    private static Message One(JsonElement item, string field)
    {
        string role = item.Object(field).Has("role", out var named) ? named.Text($"{field}.role") : throw new Fault(FaultKind.Field, $"{field}.role is missing", field);
        if (role.Length == 0) throw new Fault(FaultKind.Field, $"{field}.role is empty", field);
        item.RefuseMedia(field);
        bool hasContent = item.Has("content", out var content);
        var fields = Others(item);
        if (!hasContent && fields is not { StandForContent: true }) throw new Fault(FaultKind.Field, $"{field}.content is {(item.TryGetProperty("content", out _) ? "null, expected a text" : "missing")}", field) { IsPlain = true };
        return new Message(Role(role), hasContent ? content.Content($"{field}.content") : null) { Fields = fields };
    }

    private static JsonFields? Others(JsonElement item)
    {
        var utf8 = new ArrayBufferWriter<byte>();
        int count = 0;
        using (var json = new Utf8JsonWriter(utf8))
        {
            json.WriteStartObject();
            foreach (var member in item.EnumerateObject())
            {
                bool isNull = member.Value.ValueKind == JsonValueKind.Null;
                if (member.NameEquals("role") || (member.NameEquals("content") && !isNull)) continue;
                member.WriteTo(json);
                if (!isNull) count++;
            }
            json.WriteEndObject();
        }
        return count == 0 ? null : new JsonFields(JsonElement.Parse(utf8.WrittenSpan));
    }
}
