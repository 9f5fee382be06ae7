using SparseRM.Data.Containers;

namespace SparseRM.Data.Formats;

/// <summary>RewardBench 2: lists of correct and of incorrect answers.</summary>
internal static class RewardBench2
{
    public static PreferenceFormat Format { get; } = new(
        "rewardbench-2", "prompt, chosen list, rejected list, subset, id", Matches, (row, _) => Read(row));

    private static bool Matches(DataRow row)
        => row.HasAll("subset", "id") && PromptColumns.Any(row) && AnswerLists.AreTexts(row, "chosen") && AnswerLists.AreTexts(row, "rejected");

    private static PreferenceItem Read(DataRow row)
    {
        PreferenceItem item = AnswerLists.Read(row);
        return item.Subset is not null && row.Has("subset") ? item : throw row.Refuse("field 'subset' is missing");
    }
}
