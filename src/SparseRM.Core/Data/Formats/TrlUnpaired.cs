using SparseRM.Data.Containers;
using SparseRM.Text;

namespace SparseRM.Data.Formats;

/// <summary>TRL unpaired data: one answer a row, labelled good or bad; rows of one prompt become one item.</summary>
internal static class TrlUnpaired
{
    public static PreferenceFormat Format { get; } = new(
        "trl-unpaired", "prompt, completion, label", row => row.HasAll("prompt", "completion", "label"), (row, _) => Read(row))
    { IsPaired = false };

    /// <summary>Joins the rows of each prompt, in the order in which prompts first occur.</summary>
    public static IEnumerable<PreferenceItem> Gather(IEnumerable<PreferenceItem> halves)
        => halves.GroupBy(half => half.Prompt, new ByMessages()).Select(group => group.First() with
        {
            Chosen = [.. group.SelectMany(half => half.Chosen)],
            Rejected = [.. group.SelectMany(half => half.Rejected)],
        });

    private static PreferenceItem Read(DataRow row)
    {
        IReadOnlyList<Message> answer = Dialogue.Answer(row, "completion");
        bool good = row.Flag(row.Field("label"), "label");
        return new PreferenceItem(
            Dialogue.Prompt(row, "prompt"), good ? [answer] : [], good ? [] : [answer], Dialogue.Subset(row), Dialogue.Id(row), row.Line);
    }

    private sealed class ByMessages : IEqualityComparer<IReadOnlyList<Message>>
    {
        public bool Equals(IReadOnlyList<Message>? x, IReadOnlyList<Message>? y) => x!.SequenceEqual(y!);

        public int GetHashCode(IReadOnlyList<Message> messages)
        {
            var hash = new HashCode();
            foreach (Message message in messages) hash.Add(message);
            return hash.ToHashCode();
        }
    }
}
