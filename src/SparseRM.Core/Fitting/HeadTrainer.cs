using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>Trains the reward head on preference pairs: mini-batches, AdamW, a held-out part, early stopping, several seeds at choice.</summary>
/// <remarks>
/// The kept head is the best on the held-out pairs: higher accuracy, then lower loss, then the earlier epoch and seed. When nothing is held out, the training
/// pairs take that place. All arithmetic is float64 in a fixed order: the same inputs, options and seed give the same bytes on any number of threads.
/// </remarks>
public static class HeadTrainer
{
    /// <summary>Trains on <paramref name="inputs"/>.</summary>
    /// <param name="inputs">The head's inputs for both answers of every pair.</param>
    /// <param name="options">How.</param>
    /// <param name="groups">Key of each pair's group (its prompt): pairs of one group are never on both sides of the held-out split. Null: every pair by itself.</param>
    /// <param name="progress">Told after each epoch.</param>
    /// <param name="cancellation">Checked before each mini-batch.</param>
    /// <exception cref="SparseRMException">No pairs, an option out of range, no input varies, or training diverged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainedHead Train(PairInputs inputs, HeadTrainingOptions options, IReadOnlyList<string>? groups = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Validate();
        if (inputs.Count == 0) throw new SparseRMException("there are no pairs to train on.");
        var split = PairSplit.HeldOut(inputs.Count, groups, options.HeldOutFraction, options.Seed);
        var scaling = InputScaling.Of(inputs, split.Training);
        if (scaling.LeftOut.Count == inputs.InputCount)
            throw new SparseRMException("no input of the head varies over the training pairs; their hidden states or answers are all equal.");
        TrainingRun? best = null;
        for (int run = 1; run <= options.Seeds; run++)
        {
            var candidate = new TrainingRun(inputs, split, scaling, options, run);
            candidate.Execute(progress, cancellation);
            if (best is null || candidate.Best.IsBetterThan(best.Best)) best = candidate;
        }
        return best!.ToTrainedHead();
    }
}
