using SparseRM.Data;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Robustness;

/// <summary>The answers of a set, and again with each of some changes: one set of rows, change after change.</summary>
internal sealed class ChangedAnswers
{
    private readonly int _count;

    private ChangedAnswers(AnswerSet all, int count, AnswerPair[] pairs, string[] groups) => (All, _count, Pairs, Groups) = (all, count, pairs, groups);

    /// <summary>All rows.</summary>
    public AnswerSet All { get; }

    /// <summary>The pairs of unchanged answers.</summary>
    public AnswerPair[] Pairs { get; }

    /// <summary>The prompt of each pair.</summary>
    public string[] Groups { get; }

    /// <summary>The row of an answer after a change.</summary>
    /// <param name="row">Of the unchanged answer.</param>
    /// <param name="change">Number of the change.</param>
    public int Row(int row, int change) => row + ((change + 1) * _count);

    /// <summary>A pair with both answers changed.</summary>
    public AnswerPair Both(AnswerPair pair, int change) => new(Row(pair.Chosen, change), Row(pair.Rejected, change));

    /// <summary>Reads states and latents of all.</summary>
    /// <param name="trainer">Model and SAE.</param>
    /// <param name="data">The unchanged items.</param>
    /// <param name="changed">The changed items, change after change, each as many with as many answers.</param>
    /// <param name="progress">Told of the answers done.</param>
    /// <param name="cancel">Checked between batches.</param>
    public static ChangedAnswers Read(
        RewardTrainer trainer, PreferenceSet data, IEnumerable<PreferenceItem> changed, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var all = AnswerSet.ReadWithLatents(trainer, data with { Items = [.. data.Items, .. changed] }, progress, cancel);
        int count = data.Items.Sum(item => item.Chosen.Count + item.Rejected.Count), pairs = data.Items.Sum(item => item.Chosen.Count * item.Rejected.Count);
        return new ChangedAnswers(all, count, all.Pairs[..pairs], all.Groups[..pairs]);
    }
}
