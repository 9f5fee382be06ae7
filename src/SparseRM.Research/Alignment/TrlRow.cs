using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Text;

namespace SparseRM.Research.Alignment;

/// <summary>Writes rows in TRL's conversational formats, a line of JSON each: explicit preference for pairs, prompt-completion for single answers.</summary>
/// <remarks>
/// <c>{"prompt": [{"role": "user", "content": ..}], "chosen": [{"role": "assistant", ..}], "rejected": [..]}</c> (trl docs/source/dataset_formats.md). What the
/// chat template is given beside the messages goes into <c>tools</c>, <c>documents</c> and <c>chat_template_kwargs</c>, as TRL's trainers read them.
/// </remarks>
internal static class TrlRow
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A row of prompt, chosen and rejected with <c>score_chosen</c> and <c>score_rejected</c>.</summary>
    public static void WritePair(Stream output, (IReadOnlyList<Message> Prompt, JsonFields? Arguments, string? Id, string? Subset) of, ScoredAnswer chosen,
        ScoredAnswer rejected) => Write(output, json =>
    {
        WriteMessages(json, "prompt", of.Prompt);
        WriteMessages(json, "chosen", chosen.Messages);
        WriteMessages(json, "rejected", rejected.Messages);
        WriteRest(json, of.Arguments, of.Id, of.Subset);
        json.WriteNumber("score_chosen", chosen.Score);
        json.WriteNumber("score_rejected", rejected.Score);
    });

    /// <summary>A row of prompt and completion with <c>score</c>.</summary>
    public static void WriteCompletion(Stream output, ScoredGroup group, ScoredAnswer answer) => Write(output, json =>
    {
        WriteMessages(json, "prompt", group.Prompt);
        WriteMessages(json, "completion", answer.Messages);
        WriteRest(json, group.Arguments, group.Id, null);
        json.WriteNumber("score", answer.Score);
    });

    private static void Write(Stream output, Action<Utf8JsonWriter> fields)
    {
        using (var json = new Utf8JsonWriter(output, s_options))
        {
            json.WriteStartObject();
            fields(json);
            json.WriteEndObject();
        }
        output.WriteByte((byte)'\n');
    }

    private static void WriteMessages(Utf8JsonWriter json, string name, IReadOnlyList<Message> messages)
    {
        json.WriteStartArray(name);
        foreach (var message in messages)
        {
            json.WriteStartObject();
            json.WriteString("role", message.Role);
            // An explicit null stands among the other fields.
            if (message.Content is not null) json.WriteString("content", message.Content);
            foreach (var field in message.Fields?.Value.EnumerateObject() ?? default) field.WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteRest(Utf8JsonWriter json, JsonFields? arguments, string? id, string? subset)
    {
        JsonProperty[] all = [.. arguments?.Value.EnumerateObject() ?? default], lists = [.. all.Where(IsColumn)];
        foreach (var list in lists) list.WriteTo(json);
        if (all.Length > lists.Length)
        {
            json.WriteStartObject("chat_template_kwargs");
            foreach (var field in all.Except(lists)) field.WriteTo(json);
            json.WriteEndObject();
        }
        if (id is not null) json.WriteString("id", id);
        if (subset is not null) json.WriteString("subset", subset);
    }

    private static bool IsColumn(JsonProperty field) => (field.NameEquals("tools") || field.NameEquals("documents")) && field.Value.ValueKind == JsonValueKind.Array;
}
