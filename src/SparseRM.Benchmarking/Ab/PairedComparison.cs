namespace SparseRM.Benchmarking.Ab;

/// <summary>What a comparison of two kernels comes to.</summary>
public enum Verdict
{
    /// <summary>Too few rounds, or too restless a machine, to say anything.</summary>
    Undecided,
    /// <summary>They differ by less than the margin.</summary>
    Same,
    /// <summary>The second is faster than the first, by more than the margin.</summary>
    Faster,
    /// <summary>The second is slower than the first, by more than the margin.</summary>
    Slower,
}

/// <summary>Times of two kernels that were taken in turn, and what they say of the second beside the first.</summary>
/// <remarks>
/// A round times the first, the second, the second and the first, so that a drift cancels; its ratio is that of the sums. The estimate is the median of the
/// rounds' ratios. Two things make it uncertain, and <see cref="Interval"/> covers both. The rounds of a placement (a pair of processes) vary:
/// <see cref="IntervalOfRounds"/> is free of any distribution, since between two order statistics of n independent rounds lies the true median unless at
/// least n - k of them fall on one side of it, whose chance is a binomial sum. Placements vary, too: where memory happens to lie favours one process as long
/// as it lives, so more rounds do not help. <see cref="IntervalOfPlacements"/> is Student's interval of the mean logarithm of the placements' median ratios.
/// The verdict is faster or slower only where the whole interval lies beyond the margin on one side, same where it lies within the margin on both,
/// else undecided.
/// </remarks>
/// <param name="Placements">Seconds of the second over those of the first, one a round, for each pair of processes.</param>
/// <param name="Confidence">How sure the interval is, such as 0.99.</param>
/// <param name="Margin">Differences up to this share say nothing, such as 0.01.</param>
public sealed record PairedComparison(IReadOnlyList<IReadOnlyList<double>> Placements, double Confidence = 0.99, double Margin = 0.01)
{
    private readonly double[] _sorted = [.. Placements.SelectMany(ratios => ratios).Order()];

    /// <summary>Rounds of all placements.</summary>
    public int Rounds => _sorted.Length;

    /// <summary>The median ratio: 0.8 where the second takes four fifths of the time.</summary>
    public double Ratio => Median(_sorted);

    /// <summary>The interval of the ratio: all that <see cref="IntervalOfRounds"/> and <see cref="IntervalOfPlacements"/> hold.</summary>
    public (double Low, double High) Interval =>
        (Math.Min(IntervalOfRounds.Low, IntervalOfPlacements.Low), Math.Max(IntervalOfRounds.High, IntervalOfPlacements.High));

    /// <summary>By the rounds, whatever placement they are of; from 0 to infinity where they are too few for this confidence.</summary>
    public (double Low, double High) IntervalOfRounds
    {
        get
        {
            int k = Rank(_sorted.Length, Confidence);
            return k == 0 ? (0, double.PositiveInfinity) : (_sorted[k - 1], _sorted[^k]);
        }
    }

    /// <summary>By the placements; from 0 to infinity where there is but one.</summary>
    public (double Low, double High) IntervalOfPlacements
    {
        get
        {
            double[] logs = [.. Placements.Where(ratios => ratios.Count > 0).Select(ratios => Math.Log(Median([.. ratios.Order()])))];
            if (logs.Length < 2) return (0, double.PositiveInfinity);
            double mean = logs.Average(), variance = logs.Sum(log => (log - mean) * (log - mean)) / (logs.Length - 1);
            double half = StudentT.Quantile(Confidence, logs.Length - 1) * Math.Sqrt(variance / logs.Length);
            return (Math.Exp(mean - half), Math.Exp(mean + half));
        }
    }

    /// <summary>Half the interval of the rounds, as a share of the ratio: what more of them make smaller.</summary>
    public double Spread => (IntervalOfRounds.High - IntervalOfRounds.Low) / (2 * Ratio);

    /// <summary>What the interval says.</summary>
    public Verdict Verdict
    {
        get
        {
            var (low, high) = Interval;
            double least = 1 / (1 + Margin), most = 1 + Margin;
            return high < least ? Verdict.Faster : low > most ? Verdict.Slower : low >= least && high <= most ? Verdict.Same : Verdict.Undecided;
        }
    }

    private static double Median(double[] sorted) => sorted.Length == 0 ? double.NaN
        : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;

    /// <summary>The largest k for which the k-th smallest and the k-th largest of n enclose the median with a confidence; 0 where none does.</summary>
    internal static int Rank(int n, double confidence)
    {
        // The median lies outside with the chance 2 P(X < k), X binomial of n and 1/2.
        double term = Math.Pow(0.5, n), below = 0;
        int k = 0;
        for (; k < n / 2; k++)
        {
            below += term;
            if (2 * below > 1 - confidence) break;
            term *= (n - k) / (double)(k + 1);
        }
        return k;
    }
}
