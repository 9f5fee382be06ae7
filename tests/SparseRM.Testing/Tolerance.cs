namespace SparseRM.Testing;

/// <summary>Bounds on the difference from the float64 oracle, derived from the rounding unit and the length of the sums; never tuned until green.</summary>
/// <remarks>
/// u = 2^-24 is the rounding unit of float32. A sum of n products in any fixed order errs by at most n u sum|a||b|; with rounding errors that
/// are as often up as down, by c sqrt(n) u sum|a||b| (Higham and Mary 2019, "A new approach to probabilistic rounding error analysis"). The
/// second is used, with c = 8: a single term lost from n = 9,216 would still be seen.
/// </remarks>
public static class Tolerance
{
    /// <summary>Rounding unit of float32.</summary>
    public const double U = 1.0 / (1 << 24);

    private const double C = 8;

    /// <summary>vdpbf16ps treats products and sums below the smallest normal float as zero: n of them may be lost.</summary>
    private const double SmallestNormal = 1.1754943508222875e-38;

    /// <summary>y = sum_i a_i b_i: c sqrt(n) u sum|a||b| + n * 2^-126.</summary>
    public static double Reduction(int n, double sumOfSizes) => C * Math.Sqrt(n) * U * sumOfSizes + n * SmallestNormal;

    /// <summary>y = x f w with f = 1/sqrt(mean x^2 + eps): half the sum's relative error and five roundings, of |y|.</summary>
    public static double RmsNorm(int n, double y) => (C * Math.Sqrt(n) / 2 + 5) * U * Math.Abs(y);

    /// <summary>a cos - b sin: two products and a difference, each rounded once.</summary>
    public static double Rope(double a, double b, double cos, double sin) => 2 * U * (Math.Abs(a * cos) + Math.Abs(b * sin)) + SmallestNormal;

    /// <summary>act(g) up: exp, tanh and erf within 8 ulp (16 u) of values up to 1, and eight roundings, of |g up|.</summary>
    public static double GatedActivation(double gate, double up) => (16 + 8) * U * Math.Abs(gate * up) + SmallestNormal;

    /// <summary>
    /// y = sum_j p_j v_j / sum_j p_j. Scores err by d = c (sqrt(d_head) + 4) u |scale| |q| |k| (sum, scale, soft-cap, difference from the maximum),
    /// so weights by the factor exp(2 d); the two sums over keys by c sqrt(n) u; all of the weighted mean of |v|.
    /// </summary>
    public static double Attention(int dHead, int keys, double scale, double normQ, double normK, double meanOfSizes) =>
        (2 * C * (Math.Sqrt(dHead) + 4) * Math.Abs(scale) * normQ * normK + 2 * C * Math.Sqrt(keys) + 16) * U * meanOfSizes + SmallestNormal;

    /// <summary>
    /// The same with products of bf16, whose rounding unit is w = 2^-8. q and k rounded, a score errs by (2 w + w^2) |scale| |q| |k| more (nothing where
    /// they are bf16 values already: exact). Weights are rounded, in the sum of weights too: 2 w + 2 w^2; values: w, or nothing. Errors are factors
    /// (1 + e_i) of terms whose sizes sum to the weighted mean of |v|, so at most exp(sum of |e_i|) - 1 of it. What vdpbf16ps loses is at most n 2^-126.
    /// </summary>
    public static double AttentionInBf16(int dHead, int keys, double scale, double normQ, double normK, double meanOfSizes, bool exact)
    {
        const double W = 1.0 / 256;
        double score = (exact ? 0 : 2 * W + W * W) + C * (Math.Sqrt(dHead) + 4) * U;
        double terms = 2 * score * Math.Abs(scale) * normQ * normK + 2 * W + 2 * W * W + (exact ? 0 : W) + (2 * C * Math.Sqrt(keys) + 16) * U;
        return (Math.Exp(terms) - 1) * meanOfSizes + (keys + 1) * SmallestNormal;
    }
}
