using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Anthropic hh-rlhf: two transcripts with turns marked by two newlines and the speaker; the turns that both begin with are the prompt.</summary>
internal static class HhRlhf
{
    private const string Human = "\n\nHuman: ";
    private const string Assistant = "\n\nAssistant: ";

    public static PreferenceFormat Format { get; } = new(
        "hh-rlhf", @"chosen, rejected: transcripts of \n\nHuman: and \n\nAssistant: turns", Matches, (row, _) => Read(row))
    { HasPrompt = false };

    private static bool Matches(DataRow row) => !row.Has("prompt") && IsTranscript(row, "chosen") && IsTranscript(row, "rejected");

    private static bool IsTranscript(DataRow row, string name)
        => row.KindOf(name) == JsonValueKind.String && row.Text(name).StartsWith(Human, StringComparison.Ordinal);

    private static PreferenceItem Read(DataRow row) => Dialogue.Split(row, Turns(row, "chosen"), Turns(row, "rejected"));

    private static List<Message> Turns(DataRow row, string name)
    {
        string text = row.Text(name);
        var turns = new List<Message>();
        int at = 0;
        while (at < text.Length || turns.Count == 0)
        {
            string role = text.AsSpan(at).StartsWith(Human, StringComparison.Ordinal) ? "user"
                : text.AsSpan(at).StartsWith(Assistant, StringComparison.Ordinal) ? "assistant"
                : throw row.Refuse($@"field '{name}' does not begin with '\n\nHuman: ' or '\n\nAssistant: '");
            int start = at + (role == "user" ? Human.Length : Assistant.Length);
            at = NextMark(text, start);
            turns.Add(new Message(role, text[start..at]));
        }
        if (turns[^1].Role != "assistant") throw row.Refuse($"field '{name}' does not end with an assistant turn");
        return turns;
    }

    private static int NextMark(string text, int from)
    {
        for (int i = from; (i = text.IndexOf("\n\n", i, StringComparison.Ordinal)) >= 0; i++)
            if (text.AsSpan(i).StartsWith(Human, StringComparison.Ordinal) || text.AsSpan(i).StartsWith(Assistant, StringComparison.Ordinal)) return i;
        return text.Length;
    }
}
