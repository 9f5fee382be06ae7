using SparseRM.Data;
using SparseRM.Data.Evaluation;

namespace SparseRM.Research.Reports;

/// <summary>A pair and by how much its preferred answer scores higher.</summary>
/// <param name="Item">Number of the item in the data.</param>
/// <param name="Chosen">Number of the preferred answer.</param>
/// <param name="Rejected">Number of the other.</param>
/// <param name="Margin">Score of the preferred answer less that of the other.</param>
public readonly record struct PairMargin(int Item, int Chosen, int Rejected, double Margin);

/// <summary>What a reward model makes of preference pairs.</summary>
/// <param name="Data">The pairs.</param>
/// <param name="Result">Accuracies.</param>
/// <param name="Margins">Every pair.</param>
public sealed record RewardMeasurement(PreferenceSet Data, EvaluationResult Result, IReadOnlyList<PairMargin> Margins)
{
    /// <summary>Scores every answer once.</summary>
    /// <param name="scorer">The reward model.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="progress">Told of the answers done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="Errors.SparseRMException">An answer cannot be encoded; names file and line.</exception>
    public static RewardMeasurement Of(RewardScorer scorer, PreferenceSet data, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        var completions = Completions.Of(scorer.Backbone.Encoder, scorer.Position, data, cancel);
        float[] rows = scorer.ScoreBatch(completions.Sequences, progress, cancel);
        return Of(data, completions.Scores(row => rows[row]));
    }

    /// <summary>Of scores that are known.</summary>
    /// <param name="data">The pairs.</param>
    /// <param name="scores">Of each item's answers.</param>
    public static RewardMeasurement Of(PreferenceSet data, IReadOnlyList<ItemScores> scores)
    {
        PairMargin[] margins =
        [
            .. from item in Enumerable.Range(0, scores.Count)
               from chosen in Enumerable.Range(0, scores[item].Chosen.Count)
               from rejected in Enumerable.Range(0, scores[item].Rejected.Count)
               select new PairMargin(item, chosen, rejected, (double)scores[item].Chosen[chosen] - scores[item].Rejected[rejected]),
        ];
        return new RewardMeasurement(data, PreferenceEvaluation.Evaluate(data, scores), margins);
    }
}
