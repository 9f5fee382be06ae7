using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// Texts that hold turns as hh-rlhf writes them: a speaker and a colon at the beginning or after an empty line. The newlines
/// before the first turn and the blank after a colon may be missing.
/// </summary>
internal static class Transcript
{
    private const string Human = "Human:";
    private const string Assistant = "Assistant:";

    /// <summary>True for a text that begins with a turn of the human and has one of the assistant.</summary>
    public static bool IsWhole(string text) => IsBegun(text) && text.Contains("\n\n" + Assistant, StringComparison.Ordinal);

    /// <summary>True for a text that begins as a transcript does, whatever follows.</summary>
    public static bool IsBegun(string text) => text.AsSpan().TrimStart('\n').StartsWith(Human, StringComparison.Ordinal);

    /// <summary>The turns; an assistant's turn without text at the end, which asks for an answer, stays where <paramref name="keepCue"/>.</summary>
    public static IReadOnlyList<Message> Turns(DataRow row, string text, string name, bool keepCue)
    {
        var turns = new List<Message>();
        int at = NextMark(text, 0);
        if (at == text.Length || text.AsSpan(0, at).Trim('\n').Length > 0)
            throw row.Refuse($@"field '{name}' does not begin with '\n\nHuman: ' or '\n\nAssistant: '");
        while (at < text.Length)
        {
            int start = at;
            while (text[start] == '\n') start++;
            bool human = text.AsSpan(start).StartsWith(Human, StringComparison.Ordinal);
            start += (human ? Human : Assistant).Length;
            if (start < text.Length && text[start] == ' ') start++;
            at = NextMark(text, start);
            turns.Add(new Message(human ? "user" : "assistant", text[start..at]));
        }
        if (!keepCue && turns[^1] is { Role: "assistant", Content: var cue } && string.IsNullOrWhiteSpace(cue)) turns.RemoveAt(turns.Count - 1);
        return turns;
    }

    // Where the next turn begins, its newlines included; the text's length where there is none.
    private static int NextMark(string text, int from)
    {
        if (from == 0 && IsMark(text, text.Length - text.AsSpan().TrimStart('\n').Length)) return 0;
        for (int i = from; (i = text.IndexOf("\n\n", i, StringComparison.Ordinal)) >= 0; i++)
            if (IsMark(text, i + 2)) return i;
        return text.Length;
    }

    private static bool IsMark(string text, int at)
        => text.AsSpan(at).StartsWith(Human, StringComparison.Ordinal) || text.AsSpan(at).StartsWith(Assistant, StringComparison.Ordinal);
}
