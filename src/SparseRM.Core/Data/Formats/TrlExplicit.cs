using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>
/// Pairs beside a prompt: TRL's preference data (trl docs/source/dataset_formats.md), ShareGPT's ranking, and any other that names
/// its prompt as <see cref="PromptColumns"/> knows it. Answers are texts, messages, message lists, or whole dialogues that begin
/// with the prompt again.
/// </summary>
internal static class TrlExplicit
{
    public static PreferenceFormat Format { get; } = new(
        "trl-explicit", "prompt, chosen, rejected: text, messages or transcripts; the prompt also as question, instruction (+ input), messages, conversations, ..",
        row => row.HasAll("chosen", "rejected") && PromptColumns.Any(row), (row, _) => Read(row));

    public static PreferenceItem Read(DataRow row)
    {
        if (!PromptColumns.Any(row)) throw row.Refuse("field 'prompt' is missing");
        RefuseLists(row);
        IReadOnlyList<Message> chosen = Dialogue.Answer(row, "chosen"), rejected = Dialogue.Answer(row, "rejected");
        bool whole = Dialogue.IsWhole(chosen);
        if (whole != Dialogue.IsWhole(rejected))
            throw row.Refuse("one of 'chosen' and 'rejected' is a whole dialogue and the other is an answer; give both in the same way");
        return whole ? PromptColumns.Whole(row, chosen, rejected) : Dialogue.Item(row, PromptColumns.Read(row), chosen, rejected);
    }

    // What Python prints of a list of texts would be scored as prose.
    private static void RefuseLists(DataRow row)
    {
        if (LooksLikeTexts(row, "chosen") && LooksLikeTexts(row, "rejected"))
            throw row.Refuse("fields 'chosen' and 'rejected' hold lists of texts written as one text; give the data as jsonl or parquet, with lists");
    }

    private static bool LooksLikeTexts(DataRow row, string name)
        => row.KindOf(name) == System.Text.Json.JsonValueKind.String && row.Text(name).AsSpan().Trim() is ['[', '\'' or '"', .., '\'' or '"', ']'];
}
