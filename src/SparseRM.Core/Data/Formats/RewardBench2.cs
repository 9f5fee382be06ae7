using System.Text.Json;
using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>RewardBench 2: lists of correct and of incorrect answers.</summary>
internal static class RewardBench2
{
    public static PreferenceFormat Format { get; } = new(
        "rewardbench-2", "prompt, chosen list, rejected list, subset, id", Matches, (row, _) => Read(row));

    private static bool Matches(DataRow row)
        => row.HasAll("prompt", "chosen", "rejected", "subset", "id") && IsTextList(row.Columns["chosen"]) && IsTextList(row.Columns["rejected"]);

    private static bool IsTextList(JsonElement value)
        => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String);

    private static PreferenceItem Read(DataRow row) => new(
        Dialogue.Prompt(row, "prompt"), Answers(row, "chosen"), Answers(row, "rejected"), row.Text("subset"), Dialogue.Id(row), row.Line);

    private static IReadOnlyList<IReadOnlyList<Message>> Answers(DataRow row, string name)
        => [.. row.Items(row.Field(name), name).Select((item, i) => (IReadOnlyList<Message>)[new Message("assistant", row.Text(item, $"{name}[{i}]"))])];
}
