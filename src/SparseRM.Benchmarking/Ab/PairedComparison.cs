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
/// rounds' ratios. Its interval is free of any distribution: between two order statistics of n independent rounds lies the true median unless at
/// least n - k of them fall on one side of it, whose chance is a binomial sum. The verdict is faster or slower only where the whole interval lies
/// beyond the margin on one side, same where it lies within the margin on both, else undecided.
/// </remarks>
/// <param name="Ratios">Seconds of the second over those of the first, one a round.</param>
/// <param name="Confidence">How sure the interval is, such as 0.99.</param>
/// <param name="Margin">Differences up to this share say nothing, such as 0.01.</param>
public sealed record PairedComparison(IReadOnlyList<double> Ratios, double Confidence = 0.99, double Margin = 0.01)
{
    private readonly double[] _sorted = [.. Ratios.Order()];

    /// <summary>The median ratio: 0.8 where the second takes four fifths of the time.</summary>
    public double Ratio => _sorted.Length == 0 ? double.NaN
        : _sorted.Length % 2 == 1 ? _sorted[_sorted.Length / 2] : (_sorted[_sorted.Length / 2 - 1] + _sorted[_sorted.Length / 2]) / 2;

    /// <summary>The interval of the ratio; from 0 to infinity where the rounds are too few for this confidence.</summary>
    public (double Low, double High) Interval
    {
        get
        {
            int k = Rank(_sorted.Length, Confidence);
            return k == 0 ? (0, double.PositiveInfinity) : (_sorted[k - 1], _sorted[^k]);
        }
    }

    /// <summary>Half the interval, as a share of the ratio.</summary>
    public double Spread => (Interval.High - Interval.Low) / (2 * Ratio);

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
