using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// The columns that may hold what comes before the answers. Each is read, or the row is refused by the column's name: none is
/// passed over, unless the user said which column is the prompt.
/// </summary>
internal static class PromptColumns
{
    private static readonly string[] s_prompts =
    [
        "prompt", "question", "instruction", "query", "problem", "messages", "conversations", "conversation", "context", "dialogue", "dialog",
        "chat", "user_prompt", "user_input", "user_message", "user_query", "user_question", "human", "inputs", "prompts", "request",
        "post", "passage", "article", "background", "input", "history",
    ];

    private static readonly string[] s_systems = ["system", "system_prompt", "system_message", "system_instruction", "sys_prompt"];

    /// <summary>True where the row has such a column, be it empty.</summary>
    public static bool Any(DataRow row) => Candidates(row).Any(row.Has);

    /// <summary>The dialogue before the answers; empty where the columns hold nothing.</summary>
    public static IReadOnlyList<Message> Read(DataRow row)
    {
        List<string> filled = Filled(row);
        string names = string.Join("', '", filled);
        IReadOnlyList<Message> prompt = OfFilled(row, filled);
        // The begun answer, or the whole one, would stand in the dialogue as a turn of its own.
        if (prompt.Count > 0 && prompt[^1].Role == "assistant")
            throw row.Refuse($"field '{names}' ends with a message of the assistant, to which the answers would be a second one; end it with the user's turn");
        IReadOnlyList<Message> whole = WithSystem(row, prompt);
        return prompt.Count > 0 || whole.Count == 0 ? whole : throw row.Refuse("the prompt is empty: there is a system message and no turn of the user");
    }

    /// <summary>
    /// Two whole dialogues beside such columns: the columns must say again what the dialogues begin with (as Skywork and
    /// UltraFeedback do), or be what comes before both.
    /// </summary>
    public static PreferenceItem Whole(DataRow row, IReadOnlyList<Message> chosen, IReadOnlyList<Message> rejected)
    {
        PreferenceItem item = Dialogue.Split(row, chosen, rejected);
        List<string> filled = Filled(row);
        foreach (string name in filled)
        {
            IReadOnlyList<Message> said = Turns(row, name);
            if (Repeats(said, item.Prompt) || said.SequenceEqual(chosen) || said.SequenceEqual(rejected)) continue;
            // A dialogue that stops at an answer goes on with the next user turn.
            if (filled.Count == 1 && said.Count > 0 && said[^1].Role == "assistant") return item with { Prompt = WithSystem(row, [.. said, .. item.Prompt]) };
            throw row.Refuse($"field '{name}' is not what 'chosen' and 'rejected' begin with, so it is not sure what the prompt is; {Advice}");
        }
        return item with { Prompt = WithSystem(row, item.Prompt) };
    }

    /// <summary>The first such column that holds something, other than <paramref name="taken"/>; null where there is none.</summary>
    public static string? Other(DataRow row, string taken) => Filled(row).FirstOrDefault(name => name != taken);

    /// <summary>The advice of every refusal here.</summary>
    public const string Advice = "say which column is the prompt with the option columns (prompt=NAME), or leave the others out";

    private static IEnumerable<string> Candidates(DataRow row) => row.Named.ContainsKey("prompt") ? ["prompt"] : s_prompts;

    private static List<string> Filled(DataRow row) => [.. Candidates(row).Where(name => row.Has(name) && !IsBlank(row, name))];

    private static IReadOnlyList<Message> OfFilled(DataRow row, List<string> filled)
    {
        if (filled.Count == 0) return [];
        IReadOnlyList<Message> before = [];
        if (filled.Count > 1 && filled.Remove("history")) before = History(row);
        if (filled.Contains("instruction") && filled.Remove("input"))
            return [.. before, .. Once(row, filled, [new Message("user", $"{row.Text("instruction")}\n{row.Text("input")}")], "instruction")];
        string longest = filled.MaxBy(name => Turns(row, name).Count)!;
        return [.. before, .. Once(row, filled, Turns(row, longest), longest)];
    }

    // Other columns may only say the same again.
    private static IReadOnlyList<Message> Once(DataRow row, List<string> filled, IReadOnlyList<Message> prompt, string taken)
    {
        foreach (string name in filled)
            if (name != taken && !Repeats(Turns(row, name), prompt))
                throw row.Refuse($"has both '{taken}' and '{name}', either of which may be the prompt; {Advice}");
        return prompt;
    }

    // A dialogue's beginning or end, or one of its user turns.
    private static bool Repeats(IReadOnlyList<Message> said, IReadOnlyList<Message> prompt)
    {
        if (said is [{ Role: "user" } turn] && prompt.Any(message => message.Role == "user" && Same(message, turn))) return true;
        if (said.Count == 0 || said.Count > prompt.Count) return false;
        return said.Zip(prompt).All(pair => Same(pair.First, pair.Second)) || said.Zip(prompt.Skip(prompt.Count - said.Count)).All(pair => Same(pair.First, pair.Second));
    }

    private static bool Same(Message a, Message b) => a.Role == b.Role && a.Content?.Trim() == b.Content?.Trim();

    private static IReadOnlyList<Message> Turns(DataRow row, string name)
    {
        if (name == "history" && DataRow.Structured(row.Field(name)).ValueKind == JsonValueKind.Array) return History(row);
        JsonElement value = row.Field(name);
        if (value.ValueKind == JsonValueKind.String && StructuredText.Parse(value) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0
            && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            throw row.Refuse($"field '{name}' holds a list of texts written as one text; give its turns as messages");
        IReadOnlyList<Message> turns = Dialogue.TurnOrMessages(row, value, name, "user");
        if (turns is [{ Role: "user", Content: { } text }] && value.ValueKind == JsonValueKind.String && Transcript.IsBegun(text) && !Transcript.IsWhole(text))
        {
            if (text.StartsWith("\n\n", StringComparison.Ordinal)) return Transcript.Turns(row, text, name, keepCue: false);
            throw row.Refuse($"field '{name}' begins like a transcript ('Human:') but has no turn of the assistant; give its turns as messages");
        }
        return turns;
    }

    // Messages, or Alpaca's list of [question, answer].
    private static IReadOnlyList<Message> History(DataRow row)
    {
        const string name = "history";
        IReadOnlyList<JsonElement> items = row.Items(row.Field(name), name);
        if (!items.All(item => item.ValueKind == JsonValueKind.Array)) return Messages.List(row, row.Field(name), name);
        var turns = new List<Message>();
        for (int i = 0; i < items.Count; i++)
        {
            IReadOnlyList<JsonElement> pair = row.Items(items[i], $"{name}[{i}]");
            if (pair.Count != 2) throw row.Refuse($"field '{name}[{i}]' must be a question and an answer, found {pair.Count} values");
            turns.Add(new Message("user", row.Text(pair[0], $"{name}[{i}][0]")));
            turns.Add(new Message("assistant", row.Text(pair[1], $"{name}[{i}][1]")));
        }
        return turns;
    }

    /// <summary>The dialogue with what the columns of the system say in front.</summary>
    public static IReadOnlyList<Message> WithSystem(DataRow row, IReadOnlyList<Message> prompt)
    {
        string? taken = null;
        foreach (string name in s_systems)
        {
            if (!row.Has(name) || IsBlank(row, name)) continue;
            string text = Messages.Content(row, row.Field(name), name);
            bool first = taken is null && !(prompt.Count > 0 && prompt[0].Role == "system");
            if (!first && prompt[0].Content?.Trim() != text.Trim())
                throw row.Refuse($"field '{name}' and {(taken is null ? "the dialogue's own system message" : $"field '{taken}'")} differ; keep the one that is meant");
            if (first) prompt = [new Message("system", text), .. prompt];
            taken = name;
        }
        return prompt;
    }

    private static bool IsBlank(DataRow row, string name)
    {
        JsonElement value = row.Field(name);
        return value.ValueKind == JsonValueKind.String ? string.IsNullOrWhiteSpace(row.Text(value, name)) || row.Text(value, name).Trim() == "[]"
            : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;
    }
}
