using SparseRM.Data.Evaluation;
using SparseRM.Fitting;

namespace SparseRM;

/// <summary>What a cross-validation found.</summary>
/// <param name="Result">All pairs, each scored by the head that did not see its group.</param>
/// <param name="Folds">The count of each fold.</param>
/// <param name="Scores">Scores of each item's answers by the head that did not see its group.</param>
/// <example><code>Console.WriteLine($"{result.Result.Pairs.Accuracy:P1}, by fold {string.Join(", ", result.Folds.Select(fold =&gt; fold.Accuracy))}");</code></example>
public sealed record CrossValidationResult(EvaluationResult Result, IReadOnlyList<AccuracyCount> Folds, IReadOnlyList<ItemScores> Scores);

/// <summary>Fits on all folds but one and scores that one, in turn.</summary>
/// <example><code>CrossValidationResult result = CrossValidation.Run(trainer, states, new FitOptions { K = 32 }, folds: 5);</code></example>
public static class CrossValidation
{
    /// <summary>Runs the folds.</summary>
    /// <param name="trainer">Model, SAE and cache.</param>
    /// <param name="states">All states.</param>
    /// <param name="options">How each fold is fitted.</param>
    /// <param name="folds">Number of folds.</param>
    /// <param name="groupByPrompt">Whether items of one prompt stay together; otherwise each item is a group.</param>
    /// <param name="progress">Told of the folds done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="Errors.SparseRMException">Fewer than two folds, or fewer groups than folds.</exception>
    public static CrossValidationResult Run(
        RewardTrainer trainer, PreferenceStates states, FitOptions options, int folds, bool groupByPrompt,
        IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        string[]? groups = groupByPrompt ? [.. Enumerable.Range(0, states.Items.Count).Select(states.PromptOf)] : null;
        var splits = PairSplit.Folds(states.Items.Count, groups, folds, options.Training.Seed);
        var scores = new ItemScores[states.Items.Count];
        var counts = new List<AccuracyCount>();
        foreach (var split in splits)
        {
            var reward = trainer.FitWithoutProbe(states, options, split.Training.ToHashSet(), null, cancel).Fit.Reward;
            int[] rows = [.. split.HeldOutPairs.SelectMany(item => states.Items[item].Chosen.Concat(states.Items[item].Rejected))];
            float[] found = trainer.Scores(reward, states, rows, cancel);
            long correct = 0, total = 0;
            foreach (int item in split.HeldOutPairs)
            {
                float[] chosen = [.. states.Items[item].Chosen.Select(row => found[row])];
                float[] rejected = [.. states.Items[item].Rejected.Select(row => found[row])];
                scores[item] = new ItemScores(chosen, rejected);
                correct += chosen.Sum(c => rejected.Count(r => c > r));
                total += (long)chosen.Length * rejected.Length;
            }
            counts.Add(new AccuracyCount(correct, total));
            progress?.Report(new WorkProgress("folds", counts.Count, splits.Count));
        }
        return new CrossValidationResult(PreferenceEvaluation.Evaluate(states.Data, scores), counts, scores);
    }
}
