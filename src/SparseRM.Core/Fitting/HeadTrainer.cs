using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Trains reward heads on preference pairs: mini-batches, AdamW, a held-out part, early stopping, several seeds and several heads at choice.</summary>
/// <remarks>
/// A kept head is the best on the held-out pairs: higher accuracy, then lower loss, then the earlier epoch and seed. When nothing is held out, the training
/// pairs take that place. All arithmetic is float64 in a fixed order: the same inputs, options and seed give the same bytes on any number of threads.
/// </remarks>
public static class HeadTrainer
{
    // Beside the streams of the initial weights, which begin at 1, and that of random directions, -1.
    private const long FirstSampleStream = -2;

    /// <summary>Trains one head on <paramref name="inputs"/>.</summary>
    /// <param name="inputs">The head's inputs for both answers of every pair.</param>
    /// <param name="options">How.</param>
    /// <param name="groups">Key of each pair's group (its prompt): pairs of one group are never on both sides of the held-out split. Null: every pair by itself.</param>
    /// <param name="progress">Told after each epoch.</param>
    /// <param name="cancellation">Checked before each mini-batch.</param>
    /// <exception cref="SparseRMException">No pairs, an option out of range, no input varies, or training diverged.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainedHead Train(PairInputs inputs, HeadTrainingOptions options, IReadOnlyList<string>? groups = null,
        IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default) =>
        TrainHeads(inputs, Split(inputs, options, groups), options, 1, bootstrap: false, groups, progress, cancellation)[0];

    /// <summary>Trains several heads on the same split, and learns how unusual an input is.</summary>
    /// <param name="inputs">The heads' inputs for both answers of every pair.</param>
    /// <param name="options">How; one head has the bits that <see cref="Train"/> gives.</param>
    /// <param name="heads">How many, each from initial weights and an order of pairs of its own.</param>
    /// <param name="bootstrap">
    /// Whether each of several heads is trained on a random sample, with replacement, of as many training groups as there are; otherwise all on all pairs.
    /// </param>
    /// <param name="groups">Key of each pair's group: pairs of one group are drawn together, and never on both sides of the held-out split.</param>
    /// <param name="progress">Told after each epoch.</param>
    /// <param name="cancellation">Checked before each mini-batch.</param>
    /// <exception cref="SparseRMException">As for <see cref="Train"/>, or fewer than one head.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TrainedEnsemble TrainEnsemble(PairInputs inputs, HeadTrainingOptions options, int heads, bool bootstrap = true,
        IReadOnlyList<string>? groups = null, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (heads < 1) throw new SparseRMException($"the number of heads is {heads}; it must be at least 1.");
        var split = Split(inputs, options, groups);
        var trained = TrainHeads(inputs, split, options, heads, bootstrap && heads > 1, groups, progress, cancellation);
        return new TrainedEnsemble
        {
            Heads = trained,
            HeldOutAccuracy = heads == 1 ? trained[0].HeldOutAccuracy : MeanAccuracy(inputs, split.HeldOutPairs, trained),
            Novelty = NoveltyFit.Of(inputs, split, groups, trained[0].MeanInput, options.Seed, options.ThreadsToUse),
        };
    }

    /// <summary>The training pairs of groups drawn with replacement, as many groups as there are; a pair stands in it as often as its group was drawn.</summary>
    internal static int[] Bootstrap(int[] training, IReadOnlyList<string>? groups, SeededRandom random)
    {
        int[][] members = groups is null ? [.. training.Select(pair => new[] { pair })]
            : [.. training.GroupBy(pair => groups[pair], StringComparer.Ordinal).Select(group => group.ToArray())];
        return [.. Enumerable.Range(0, members.Length).SelectMany(_ => members[random.NextInt(members.Length)])];
    }

    private static PairSplit Split(PairInputs inputs, HeadTrainingOptions options, IReadOnlyList<string>? groups)
    {
        options.Validate();
        if (inputs.Count == 0) throw new SparseRMException("there are no pairs to train on.");
        return PairSplit.HeldOut(inputs.Count, groups, options.HeldOutFraction, options.Seed);
    }

    private static TrainedHead[] TrainHeads(PairInputs inputs, PairSplit split, HeadTrainingOptions options, int heads, bool bootstrap,
        IReadOnlyList<string>? groups, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        var scaling = InputScaling.Of(inputs, split.Training);
        if (scaling.LeftOut.Count == inputs.InputCount)
            throw new SparseRMException("no input of the head varies over the training pairs; their hidden states or answers are all equal.");
        var trained = new TrainedHead[heads];
        for (int head = 0; head < heads; head++)
        {
            int[] sample = bootstrap ? Bootstrap(split.Training, groups, new SeededRandom(options.Seed, FirstSampleStream - head)) : split.Training;
            TrainingRun? best = null;
            for (int seed = 1; seed <= options.Seeds; seed++)
            {
                var candidate = new TrainingRun(inputs, split, sample, scaling, options, (head * options.Seeds) + seed, heads * options.Seeds);
                candidate.Execute(progress, cancellation);
                if (best is null || candidate.Best.IsBetterThan(best.Best)) best = candidate;
            }
            trained[head] = best!.ToTrainedHead();
        }
        return trained;
    }

    private static double? MeanAccuracy(PairInputs inputs, int[] pairs, TrainedHead[] heads)
    {
        if (pairs.Length == 0) return null;
        var scores = new float[heads.Length];
        return (double)pairs.Count(pair => Mean(inputs.Chosen(pair)) > Mean(inputs.Rejected(pair))) / pairs.Length;

        double Mean(ReadOnlySpan<float> v)
        {
            for (int i = 0; i < heads.Length; i++) scores[i] = (float)heads[i].Head.Score(v);
            return ScoreAggregate.Mean.Of(scores);
        }
    }
}
