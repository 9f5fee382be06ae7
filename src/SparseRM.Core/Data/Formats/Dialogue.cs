using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>What the formats share: text or message lists to dialogues, common prefixes, labels.</summary>
internal static class Dialogue
{
    /// <summary>A column that is one user turn as text, or a message list.</summary>
    public static IReadOnlyList<Message> Prompt(DataRow row, string name) => TurnOrMessages(row, row.Field(name), name, "user");

    /// <summary>A column that is one assistant turn as text, or a message list.</summary>
    public static IReadOnlyList<Message> Answer(DataRow row, string name) => TurnOrMessages(row, row.Field(name), name, "assistant");

    public static IReadOnlyList<Message> TurnOrMessages(DataRow row, JsonElement value, string name, string role) => value.ValueKind switch
    {
        JsonValueKind.String => [new Message(role, row.Text(value, name))],
        JsonValueKind.Array => Messages(row, value, name),
        _ => throw row.Refuse($"field '{name}' must be text or a list of messages, found {DataRow.Kind(value)}"),
    };

    /// <summary>A list of <c>{role, content}</c>; other fields of a message are passed over.</summary>
    public static IReadOnlyList<Message> Messages(DataRow row, JsonElement value, string name)
    {
        var messages = new List<Message>();
        foreach (JsonElement item in row.Items(value, name))
        {
            string at = $"{name}[{messages.Count}]";
            if (item.ValueKind != JsonValueKind.Object) throw row.Refuse($"field '{at}' must be a message with role and content, found {DataRow.Kind(item)}");
            if (!item.TryGetProperty("role", out JsonElement role)) throw row.Refuse($"field '{at}.role' is missing");
            if (!item.TryGetProperty("content", out JsonElement content)) throw row.Refuse($"field '{at}.content' is missing");
            string speaker = row.Text(role, at + ".role");
            if (speaker.Length == 0) throw row.Refuse($"field '{at}.role' is empty");
            messages.Add(new Message(speaker, row.Text(content, at + ".content")));
        }
        return messages;
    }

    /// <summary>Two whole dialogues: what both begin with is the prompt; each keeps at least its last message.</summary>
    public static PreferenceItem Split(DataRow row, IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
    {
        int most = Math.Max(0, Math.Min(chosen.Count, rejected.Count) - 1), common = 0;
        while (common < most && chosen[common] == rejected[common]) common++;
        return Item(row, [.. chosen.Take(common)], [.. chosen.Skip(common)], [.. rejected.Skip(common)]);
    }

    public static PreferenceItem Item(DataRow row, IReadOnlyList<Message> prompt, IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
        => new(prompt, [chosen], [rejected], Subset(row), Id(row), row.Line);

    // MiniWorld has both task and kind; kind is the finer one.
    public static string? Subset(DataRow row) => row.Label("subset", "kind", "task", "category", "Category");

    public static string? Id(DataRow row) => row.Label("id", "prompt_id");
}
