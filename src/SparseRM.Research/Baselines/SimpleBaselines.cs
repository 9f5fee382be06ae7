using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>The difference of the means of preferred and other states: &lt;mean z_w - mean z_l, z&gt;.</summary>
internal sealed class MeansBaseline(string name, int threads) : Baseline(name)
{
    /// <inheritdoc/>
    public override FittedBaseline Fit(TrainingPairs training, long seed, CancellationToken cancel)
    {
        var w = new double[training.Answers.Width];
        foreach (var pair in training.Pairs)
        {
            ReadOnlySpan<float> chosen = training.Answers.State(pair.Chosen), rejected = training.Answers.State(pair.Rejected);
            for (int i = 0; i < w.Length; i++) w[i] += (double)chosen[i] - rejected[i];
        }
        for (int i = 0; i < w.Length; i++) w[i] /= training.Pairs.Length;
        return new FittedBaseline(answers => ByRow(answers, row =>
        {
            double sum = 0;
            var state = answers.State(row);
            for (int i = 0; i < w.Length; i++) sum += w[i] * state[i];
            return sum;
        }, threads));
    }
}

/// <summary>The longer answer, or the shorter one where that is right more often in training. Equal lengths are a tie, which counts as wrong.</summary>
internal sealed class LengthBaseline(string name) : Baseline(name)
{
    /// <inheritdoc/>
    public override FittedBaseline Fit(TrainingPairs training, long seed, CancellationToken cancel)
    {
        int longer = training.Pairs.Sum(pair => Math.Sign(training.Answers.Length(pair.Chosen) - training.Answers.Length(pair.Rejected)));
        int sign = longer >= 0 ? 1 : -1;
        return new FittedBaseline(answers => ByRow(answers, row => sign * answers.Length(row), threads: 1));
    }
}
