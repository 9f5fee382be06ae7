using System.Runtime.ExceptionServices;
using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM;

/// <summary>Scores a preference set item by item, and leaves out what has no score.</summary>
/// <example><code>
/// var (readable, scores) = ScorableItems.Score(data, scorer);
/// var result = PreferenceEvaluation.Evaluate(readable, scores);
/// </code></example>
public static class ScorableItems
{
    /// <summary>Scores of all completions of the items whose completions all have one.</summary>
    /// <param name="data">The set.</param>
    /// <param name="scorer">Scores.</param>
    /// <param name="progress">Told of the sequences done.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <returns>
    /// The set without the items that have a completion which cannot be encoded (too long, refused by the chat template) or whose state or score
    /// is not a number; <see cref="PreferenceSet.Skipped"/> counts them. One entry of scores an item that is left.
    /// </returns>
    /// <exception cref="DataFormatException">No item is left; names the first one's problem.</exception>
    /// <exception cref="SparseRMException">The device fails, which is no item's fault.</exception>
    public static (PreferenceSet Data, IReadOnlyList<ItemScores> Scores) Score(
        PreferenceSet data, RewardScorer scorer, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(scorer);
        var inputs = new List<EncodedInput>();
        string?[] problems = [.. data.Items.Select(item => Encode(item, scorer, inputs, cancel))];
        var results = scorer.ScoreAll(inputs, null, progress, cancel);
        var (kept, scores, skipped) = (new List<PreferenceItem>(), new List<ItemScores>(), new List<DataFormatException>());
        for (int i = 0, next = 0; i < problems.Length; i++)
        {
            var item = data.Items[i];
            if (problems[i] is null)
            {
                int chosen = item.Chosen.Count, all = chosen + item.Rejected.Count;
                ScoreResult[] own = [.. Enumerable.Range(next, all).Select(at => results[at])];
                next += all;
                problems[i] = own.Select(result => ProblemOf(result.Error)).FirstOrDefault(problem => problem is not null);
                if (problems[i] is null)
                {
                    kept.Add(item);
                    scores.Add(new ItemScores([.. own[..chosen].Select(result => result.Score)], [.. own[chosen..].Select(result => result.Score)]));
                    continue;
                }
            }
            skipped.Add(new DataFormatException(data.Path, item.Line, problems[i]!));
        }
        if (kept.Count == 0) throw new DataFormatException(data.Path, skipped[0].Line, $"{skipped[0].Problem} (and no other row can be scored)");
        return (data with { Items = kept, Skipped = data.Skipped.And(skipped) }, scores);
    }

    // All completions of the item, or none and why.
    private static string? Encode(PreferenceItem item, RewardScorer scorer, List<EncodedInput> inputs, CancellationToken cancel)
    {
        int before = inputs.Count;
        try
        {
            foreach (var completion in item.Chosen.Concat(item.Rejected))
            {
                var input = scorer.Backbone.Encoder.Encode([.. item.Prompt, .. completion], item.Arguments, cancel);
                _ = input.ReadAt(scorer.Position);
                inputs.Add(input);
            }
            return null;
        }
        catch (SparseRMException error)
        {
            inputs.RemoveRange(before, inputs.Count - before);
            return error.Message;
        }
    }

    private static string? ProblemOf(Exception? error)
    {
        if (error is null) return null;
        if (SparseRMException.KindOf(error) is not (ErrorKind.Data or ErrorKind.Numeric or ErrorKind.Model or ErrorKind.Mismatch)) ExceptionDispatchInfo.Throw(error);
        return error.Message;
    }
}
