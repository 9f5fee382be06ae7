using SparseRM.Data.Containers;
using SparseRM.Data.Evaluation;

namespace SparseRM.Data.Formats;

/// <summary>RewardBench 1: TRL explicit pairs whose <c>subset</c> is one of the benchmark's own, with an <c>id</c>.</summary>
internal static class RewardBench1
{
    public static PreferenceFormat Format { get; } = new("rewardbench", "prompt, chosen, rejected, subset, id", Matches, (row, _) => Read(row));

    private static bool Matches(DataRow row)
        => row.HasAll("chosen", "rejected", "id") && PromptColumns.Any(row) && row.Label("subset") is { } subset && RewardBench1Rule.Knows(subset);

    private static PreferenceItem Read(DataRow row)
    {
        string subset = row.Text("subset");
        return RewardBench1Rule.Knows(subset) ? TrlExplicit.Read(row) : throw row.Refuse($"subset '{subset}' is not one of RewardBench's");
    }
}
