using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Robustness;

/// <summary>What heads that had not seen a pair make of it.</summary>
/// <param name="Margins">Of each pair: score of the answer that counts as preferred less that of the other.</param>
/// <param name="Salience">Of each pair: how far its active latents speak for the label.</param>
internal sealed record CrossFit(double[] Margins, double[] Salience)
{
    private const int Folds = 5;

    /// <summary>Learns from all folds but one and looks at that one, in turn; pairs of one prompt stay together.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="method">How heads are fitted.</param>
    /// <param name="seed">Of folds and heads.</param>
    /// <param name="threads">Fits that run at once.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">There are fewer than two prompts.</exception>
    public static CrossFit Of(TrainingPairs pairs, HeadBaseline method, long seed, int threads, CancellationToken cancel)
    {
        int prompts = pairs.Groups.Distinct().Count();
        if (prompts < 2) throw new SparseRMException($"suspect pairs are found by heads that learn from other prompts, and there are {prompts} different prompts; give more data.");
        var folds = PairSplit.Folds(pairs.Pairs.Length, pairs.Groups, Math.Min(Folds, prompts), seed);
        var found = new CrossFit(new double[pairs.Pairs.Length], new double[pairs.Pairs.Length]);
        SeededFits.Run(folds.Count, threads, cancel, fold => found.Look(pairs, folds[fold], method, seed, cancel));
        return found;
    }

    /// <summary>Numbers of the pairs, the most suspect first: by margin, then by salience, then by their order.</summary>
    public int[] Suspicion() => [.. Enumerable.Range(0, Margins.Length).OrderBy(pair => Margins[pair]).ThenBy(pair => Salience[pair])];

    private void Look(TrainingPairs pairs, PairSplit split, HeadBaseline method, long seed, CancellationToken cancel)
    {
        var (input, head) = method.FitHead(pairs.At(split.Training), seed, cancel);
        int[] latents = [.. input.Latents.Select(latent => latent.Latent)];
        double[] weights = [.. input.Latents.Select(latent => latent.Sign * latent.Separation)];
        float[] v = new float[input.Count], active = new float[latents.Length];
        foreach (int pair in split.HeldOutPairs)
        {
            var (chosen, rejected) = pairs.Pairs[pair];
            Margins[pair] = Score(chosen) - Score(rejected);
            Salience[pair] = Speaks(chosen) - Speaks(rejected);
        }

        double Score(int row)
        {
            input.Compute(pairs.Answers.State(row), v);
            return head.Head.Score(v);
        }

        double Speaks(int row)
        {
            pairs.Answers.Latents!.Gather(row, latents, active);
            double sum = 0;
            for (int j = 0; j < active.Length; j++)
                if (active[j] > 0) sum += weights[j];
            return sum;
        }
    }
}
