using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>TRL unpaired data: one answer a row, labelled good or bad; rows of one prompt become one item.</summary>
internal static class TrlUnpaired
{
    public static PreferenceFormat Format { get; } = new(
        "trl-unpaired", "prompt, completion, label", row => row.HasAll("completion", "label") && PromptColumns.Any(row), (row, _) => Read(row))
    { IsPaired = false };

    /// <summary>Joins the rows of each prompt, in the order in which prompts first occur.</summary>
    public static IEnumerable<PreferenceItem> Gather(IEnumerable<PreferenceItem> halves)
        => halves.GroupBy(half => (half.Prompt, half.Arguments), new ByPrompt()).Select(group => group.First() with
        {
            Chosen = [.. group.SelectMany(half => half.Chosen)],
            Rejected = [.. group.SelectMany(half => half.Rejected)],
        });

    private static PreferenceItem Read(DataRow row)
    {
        IReadOnlyList<Message> answer = Dialogue.Answer(row, "completion");
        bool good = row.Flag(row.Field("label"), "label");
        return Dialogue.Item(row, PromptColumns.Read(row), good ? [answer] : [], good ? [] : [answer]);
    }

    private sealed class ByPrompt : IEqualityComparer<(IReadOnlyList<Message> Messages, JsonFields? Arguments)>
    {
        public bool Equals((IReadOnlyList<Message> Messages, JsonFields? Arguments) x, (IReadOnlyList<Message> Messages, JsonFields? Arguments) y)
            => ByMessages.Instance.Equals(x.Messages, y.Messages) && Equals(x.Arguments, y.Arguments);

        public int GetHashCode((IReadOnlyList<Message> Messages, JsonFields? Arguments) prompt)
            => HashCode.Combine(ByMessages.Instance.GetHashCode(prompt.Messages), ByMessages.Hash(prompt.Arguments));
    }
}
