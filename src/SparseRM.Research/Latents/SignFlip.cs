namespace SparseRM.Research.Latents;

/// <summary>Exact permutation tests of differences whose signs are exchangeable, and a correction for many of them.</summary>
/// <remarks>
/// Under the null hypothesis that preferred and rejected answers of a prompt are alike, each prompt's difference x_i is as likely as -x_i. So the permutations
/// exchange the two sides of each prompt, and T = sum_i s_i x_i with random signs s_i. Its distribution is computed, not drawn: where all |x_i| are 1 it is
/// binomial (the sign test, as in McNemar, Psychometrika 1947), otherwise a convolution. Accumulated in float64.
/// </remarks>
internal static class SignFlip
{
    /// <summary>P-values are given as no smaller than this.</summary>
    public const double Least = 1e-300;

    /// <summary>P(|T| &gt;= |observed|).</summary>
    /// <param name="ones">How many differences are 1 or -1.</param>
    /// <param name="larger">Absolute values of those that are larger.</param>
    /// <param name="observed">Their sum as it was found.</param>
    public static double P(int ones, IReadOnlyList<int> larger, long observed)
    {
        observed = Math.Abs(observed);
        if (observed == 0) return 1;
        return Math.Max(Least, Math.Min(1, 2 * (larger.Count == 0 ? BinomialTail(ones, (int)((ones + observed + 1) / 2)) : ConvolvedTail(ones, larger, observed))));
    }

    /// <summary>Holm's adjusted p-values: each is at most its test's chance of a false finding among all of them, however the tests depend on each
    /// other (Scandinavian Journal of Statistics, 1979).</summary>
    public static double[] Holm(IReadOnlyList<double> p)
    {
        int[] order = [.. Enumerable.Range(0, p.Count).OrderBy(i => p[i]).ThenBy(i => i)];
        var adjusted = new double[p.Count];
        double most = 0;
        for (int rank = 0; rank < order.Length; rank++)
            adjusted[order[rank]] = most = Math.Max(most, Math.Min(1, (order.Length - rank) * p[order[rank]]));
        return adjusted;
    }

    // sum_{k >= from} C(n, k) / 2^n: the first term by logarithms, each next by its ratio to the one before.
    private static double BinomialTail(int n, int from)
    {
        double log = -n * Math.Log(2);
        for (int i = 1; i <= n - from; i++) log += Math.Log((double)(from + i) / i);
        double term = 1, sum = 1;
        for (int k = from; k < n && term > 1e-18 * sum; k++) sum += term *= (double)(n - k) / (k + 1);
        return Math.Exp(log) * sum;
    }

    private static double ConvolvedTail(int ones, IReadOnlyList<int> larger, long observed)
    {
        int width = checked(ones + larger.Sum());
        double[] now = new double[(2 * width) + 1], next = new double[now.Length];
        now[width] = 1;
        foreach (int step in Enumerable.Repeat(1, ones).Concat(larger))
        {
            for (int i = 0; i < now.Length; i++) next[i] = 0.5 * ((i >= step ? now[i - step] : 0) + (i + step < now.Length ? now[i + step] : 0));
            (now, next) = (next, now);
        }
        double tail = 0;
        for (int i = now.Length - 1; i >= width + observed; i--) tail += now[i];
        return tail;
    }
}
