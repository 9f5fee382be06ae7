using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>Anthropic hh-rlhf: two transcripts with marked turns; the turns that both begin with are the prompt.</summary>
internal static class HhRlhf
{
    public static PreferenceFormat Format { get; } = new(
        "hh-rlhf", @"chosen, rejected: transcripts of \n\nHuman: and \n\nAssistant: turns", Matches, (row, _) => Read(row))
    { HasPrompt = false };

    private static bool Matches(DataRow row) => !PromptColumns.Any(row) && IsTranscript(row, "chosen") && IsTranscript(row, "rejected");

    private static bool IsTranscript(DataRow row, string name) => row.KindOf(name) == JsonValueKind.String && Transcript.IsBegun(row.Text(name));

    private static PreferenceItem Read(DataRow row) => PromptColumns.Whole(row, Turns(row, "chosen"), Turns(row, "rejected"));

    private static IReadOnlyList<Message> Turns(DataRow row, string name)
    {
        IReadOnlyList<Message> turns = Transcript.Turns(row, row.Text(name), name, keepCue: true);
        return turns[^1].Role == "assistant" ? turns : throw row.Refuse($"field '{name}' does not end with an assistant turn");
    }
}
