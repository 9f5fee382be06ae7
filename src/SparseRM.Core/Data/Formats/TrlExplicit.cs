using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>TRL preference data with a prompt column: texts or message lists (trl docs/source/dataset_formats.md). Other columns are passed over.</summary>
internal static class TrlExplicit
{
    public static PreferenceFormat Format { get; } = new(
        "trl-explicit", "prompt, chosen, rejected: text or message lists", row => row.HasAll("prompt", "chosen", "rejected"), (row, _) => Read(row));

    public static PreferenceItem Read(DataRow row)
    {
        IReadOnlyList<Message> prompt = Dialogue.Prompt(row, "prompt");
        IReadOnlyList<Message> chosen = Dialogue.Answer(row, "chosen"), rejected = Dialogue.Answer(row, "rejected");
        // UltraFeedback and its like repeat the prompt inside the dialogues.
        if (row.KindOf("prompt") == JsonValueKind.String && Repeats(chosen, prompt[0]) && Repeats(rejected, prompt[0]))
            return Dialogue.Split(row, chosen, rejected);
        return Dialogue.Item(row, prompt, chosen, rejected);
    }

    private static bool Repeats(IReadOnlyList<Message> dialogue, Message prompt)
        => dialogue.FirstOrDefault(message => message.Role != "system") == prompt;
}
