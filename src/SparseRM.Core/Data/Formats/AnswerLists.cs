using System.Text.Json;
using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>Lists of correct and of incorrect answers to one prompt, as RM-Bench and RewardBench 2 have them.</summary>
internal static class AnswerLists
{
    /// <summary>RM-Bench: three answers of each side, in three styles.</summary>
    public static PreferenceFormat Format { get; } = new(
        "rm-bench", "prompt, chosen list, rejected list",
        row => PromptColumns.Any(row) && AreTexts(row, "chosen") && AreTexts(row, "rejected"), (row, _) => Read(row));

    /// <summary>True for a column that is a list of texts, at least one.</summary>
    public static bool AreTexts(DataRow row, string name)
        => row.Has(name) && row.Field(name) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0
            && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String);

    public static PreferenceItem Read(DataRow row)
        => Dialogue.Item(row, PromptColumns.Read(row), Answers(row, "chosen"), Answers(row, "rejected"));

    private static IReadOnlyList<IReadOnlyList<Text.Message>> Answers(DataRow row, string name)
        => [.. row.Items(row.Field(name), name).Select((item, i) => Dialogue.Answer(row, item, $"{name}[{i}]"))];
}
