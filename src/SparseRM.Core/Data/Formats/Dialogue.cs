using System.Text.Json;
using System.Text.RegularExpressions;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>What the formats share: text, messages or transcripts to dialogues; common beginnings; labels.</summary>
internal static partial class Dialogue
{
    private static readonly string[] s_dialogues = ["messages", "conversations", "conversation"];

    /// <summary>A column that is one assistant turn as text, a message, a message list, or a whole transcript.</summary>
    public static IReadOnlyList<Message> Answer(DataRow row, string name) => Answer(row, row.Field(name), name);

    /// <summary>The same for a value inside a column.</summary>
    public static IReadOnlyList<Message> Answer(DataRow row, JsonElement value, string name) => TurnOrMessages(row, value, name, "assistant");

    /// <summary>A value that is one turn of <paramref name="role"/> as text, a message, a message list (also inside a text), or a transcript.</summary>
    public static IReadOnlyList<Message> TurnOrMessages(DataRow row, JsonElement value, string name, string role)
    {
        if (value.ValueKind == JsonValueKind.String) return FromText(row, row.Text(value, name), name, role);
        if (Messages.IsMessage(value)) return [Messages.One(row, value, name)];
        if (value.ValueKind != JsonValueKind.Array) throw row.Refuse($"field '{name}' must be text or a list of messages, found {DataRow.Kind(value)}");
        // Parts of one turn, as {"type": "text", "text": ..}.
        if (AreParts(value)) return [new Message(role, Messages.Content(row, value, name))];
        return Messages.List(row, value, name);
    }

    /// <summary>Two whole dialogues: what both begin with is the prompt; each keeps at least its last message.</summary>
    public static PreferenceItem Split(DataRow row, IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
    {
        int common = CommonTurns(chosen, rejected);
        return Item(row, [.. chosen.Take(common)], [.. chosen.Skip(common)], [.. rejected.Skip(common)]);
    }

    /// <summary>How many messages both begin with, short of the last one of either.</summary>
    public static int CommonTurns(IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
    {
        int most = Math.Max(0, Math.Min(chosen.Count, rejected.Count) - 1), common = 0;
        while (common < most && chosen[common] == rejected[common]) common++;
        return common;
    }

    /// <summary>True where the first turn after any system message is the user's: a dialogue of its own rather than an answer.</summary>
    public static bool IsWhole(IReadOnlyList<Message> messages)
        => messages.SkipWhile(message => message.Role is "system" or "developer").Select(message => message.Role).FirstOrDefault() == "user";

    public static PreferenceItem Item(DataRow row, IReadOnlyList<Message> prompt, IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
        => Item(row, prompt, [chosen], [rejected]);

    public static PreferenceItem Item(
        DataRow row, IReadOnlyList<Message> prompt, IReadOnlyList<IReadOnlyList<Message>> chosen, IReadOnlyList<IReadOnlyList<Message>> rejected)
        => new(prompt, chosen, rejected, Subset(row), Id(row), row.Line) { Arguments = TemplateArguments.Read(row) };

    // MiniWorld has both task and kind; kind is the finer one.
    // It names a line of a table on the terminal.
    private static string? Subset(DataRow row) => row.Label("subset", "kind", "task", "category", "domain") is { } name ? PlainText.Escape(name) : null;

    private static string? Id(DataRow row) => row.Label("id", "prompt_id");

    private static IReadOnlyList<Message> FromText(DataRow row, string text, string name, string role)
    {
        if (StructuredText.Parse(text) is { } value)
        {
            if (AreMessagesInText(value)) return Messages.List(row, value, name);
            if (Messages.IsMessageInText(value)) return [Messages.One(row, value, name)];
            if (AreParts(value) && value.EnumerateArray().Any(Messages.IsKnownPart)) return [new Message(role, Messages.Content(row, value, name))];
            if (HoldsMessages(value)) throw row.Refuse($"field '{name}' is text that holds messages in another form than a list of them; give that list");
        }
        else if (LooksLikeMessages(text))
            throw row.Refuse($"field '{name}' looks like a list of messages as text, but is neither JSON nor what Python prints; give the data as jsonl or parquet");
        if (Transcript.IsWhole(text)) return Transcript.Turns(row, text, name, keepCue: role == "assistant");
        if (role == "assistant" && Transcript.BeginningOf(text) == "assistant")
            return text.StartsWith('\n') || text.StartsWith('\r')
                ? Transcript.Turns(row, text, name, keepCue: true)
                : throw row.Refuse($"field '{name}' begins with 'Assistant:', as a turn of a transcript does; leave that out, or put an empty line before it");
        return [new Message(role, text)];
    }

    // A list with a message in it, or an object that is nothing but a dialogue under a name.
    private static bool HoldsMessages(JsonElement value)
        => value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray().Any(item => Messages.IsMessageInText(item) || AreMessagesInText(item))
            : value.EnumerateObject().Any(field => s_dialogues.Contains(field.Name) && AreMessagesInText(field.Value));

    private static bool AreMessagesInText(JsonElement value) => Messages.AreMessages(value) && value.EnumerateArray().All(Messages.IsMessageInText);

    // [{'role': .. and {"id": 1, "from": .., whatever the blanks and the quotes.
    private static bool LooksLikeMessages(string text)
        => FirstKey().Match(text) is { Success: true } key
            && (key.Groups["key"].Value is "role" or "from" or "content" or "value" || Speaker().IsMatch(text, key.Length));

    [GeneratedRegex("""\A\s*(\[\s*)?\{\s*['"](?<key>\w+)['"]\s*:""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex FirstKey();

    [GeneratedRegex("""['"](role|from)['"]\s*:\s*['"](system|user|human|assistant|gpt|tool)['"]""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Speaker();

    private static bool AreParts(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(IsPart);

    private static bool IsPart(JsonElement value)
        => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out _) && !value.TryGetProperty("role", out _) && !value.TryGetProperty("from", out _);
}
