using System.Text.RegularExpressions;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// Texts that hold turns as hh-rlhf writes them: a speaker and a colon at the beginning or after an empty line. The newlines
/// before the first turn and the blank after a colon may be missing, line ends may be CRLF.
/// </summary>
internal static partial class Transcript
{
    private const string Human = "Human";

    /// <summary>True for a text that begins with a turn of the human and has one of the assistant.</summary>
    public static bool IsWhole(string text) => IsBegun(text) && Marks(text).Any(mark => mark.Role == "assistant");

    /// <summary>True for a text that begins as a transcript does, whatever follows.</summary>
    public static bool IsBegun(string text) => BeginningOf(text) == "user";

    /// <summary>The speaker of the first turn, or null for a text that is no transcript.</summary>
    public static string? BeginningOf(string text) => Beginning().Match(text) is { Success: true } mark ? Role(mark) : null;

    /// <summary>The turns; an assistant's turn without text at the end, which asks for an answer, stays where <paramref name="keepCue"/>.</summary>
    public static IReadOnlyList<Message> Turns(DataRow row, string text, string name, bool keepCue)
    {
        List<(int Start, int End, string Role)> marks = Marks(text);
        if (marks.Count == 0 || marks[0].Start > 0)
            throw row.Refuse($@"field '{name}' does not begin with '\n\nHuman: ' or '\n\nAssistant: '");
        var turns = new List<Message>();
        for (int i = 0; i < marks.Count; i++)
        {
            string turn = text[marks[i].End..(i + 1 < marks.Count ? marks[i + 1].Start : text.Length)];
            // An answer glued to its question is no question; other lines that look so are quotes.
            if (marks[i].Role == "user" && (i + 1 == marks.Count || marks[i + 1].Role == "user") && GluedAnswer().IsMatch(turn))
                throw row.Refuse($"field '{name}' has an 'Assistant:' that does not follow an empty line, so that its turns cannot be told apart; give them as messages");
            turns.Add(new Message(marks[i].Role, turn));
        }
        if (!keepCue && turns[^1] is { Role: "assistant", Content: var cue } && string.IsNullOrWhiteSpace(cue)) turns.RemoveAt(turns.Count - 1);
        return turns;
    }

    private static List<(int Start, int End, string Role)> Marks(string text)
    {
        var marks = new List<(int, int, string)>();
        int from = 0;
        if (Beginning().Match(text) is { Success: true } first)
        {
            marks.Add((0, first.Length, Role(first)));
            from = first.Length;
        }
        for (Match mark = Mark().Match(text, from); mark.Success; mark = mark.NextMatch()) marks.Add((mark.Index, mark.Index + mark.Length, Role(mark)));
        return marks;
    }

    private static string Role(Match mark) => mark.Groups["speaker"].ValueSpan is Human ? "user" : "assistant";

    [GeneratedRegex(@"\A\s*(?<speaker>Human|Assistant)[ \t]*:[ ]?", RegexOptions.CultureInvariant)]
    private static partial Regex Beginning();

    [GeneratedRegex(@"\r?\n[ \t]*\r?\n(?<speaker>Human|Assistant)[ \t]*:[ ]?", RegexOptions.CultureInvariant)]
    private static partial Regex Mark();

    [GeneratedRegex(@"^[ \t]*Assistant[ \t]*:", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex GluedAnswer();
}
