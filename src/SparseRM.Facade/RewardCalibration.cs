using SparseRM.Data.Evaluation;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM;

/// <summary>Makes probabilities of a fitted reward model's scores.</summary>
/// <remarks>
/// Margins of pairs that a head learned from are larger than those of new pairs. So the temperature is learned from margins that heads of the same settings give
/// to folds which they did not see; the intercept, which differs from head to head, from the reward model's own scores at that temperature.
/// </remarks>
/// <example><code>
/// ScoreCalibration calibration = RewardCalibration.Of(trainer, states, options, fitted.Reward);
/// double probability = calibration.OfMargin(margin);   // that the first of two answers is preferred
/// </code></example>
public static class RewardCalibration
{
    /// <summary>Parts of the data, each scored by a head that learned from the others.</summary>
    public const int Folds = 5;

    /// <summary>Learns the temperature and the intercept.</summary>
    /// <param name="trainer">That fitted it.</param>
    /// <param name="states">That it was fitted on.</param>
    /// <param name="options">How it was fitted.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="progress">Told of the folds done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There are fewer prompts than folds, or margins do not go with the labels.</exception>
    public static ScoreCalibration Of(
        RewardTrainer trainer, PreferenceStates states, FitOptions options, RewardModel reward, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        int prompts = Enumerable.Range(0, states.Items.Count).Select(states.PromptOf).Distinct().Count();
        if (prompts < Folds)
            throw new SparseRMException($"{states.Data.Path}: a calibration fits on {Folds - 1} of {Folds} parts of the prompts in turn, and there are {prompts} different prompts; give more data, or fit without one");
        var scores = CrossValidation.Run(trainer, states, options, Folds, groupByPrompt: true, progress, cancel).Scores;
        double[] margins = [.. scores.SelectMany(Margins)];
        float[] own = trainer.Scores(reward, states, cancel: cancel);
        return CalibrationFit.Of(margins, [.. states.Items.SelectMany(item => item.Chosen, (_, row) => own[row])], [.. states.Items.SelectMany(item => item.Rejected, (_, row) => own[row])]);
    }

    private static IEnumerable<double> Margins(ItemScores item) => item.Chosen.SelectMany(chosen => item.Rejected.Select(rejected => (double)chosen - rejected));
}
