using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>The latents whose decoder rows become preference directions.</summary>
/// <param name="Positive">Those active more often in preferred answers, best separation first.</param>
/// <param name="Negative">Those active more often in rejected answers, best separation first.</param>
/// <param name="Warnings">Sentences for the user: a side has fewer than K latents.</param>
public sealed record LatentSelection(
    IReadOnlyList<DirectionLatent> Positive, IReadOnlyList<DirectionLatent> Negative, IReadOnlyList<string> Warnings)
{
    /// <summary>Positive latents, then negative ones: the order of the head's inputs.</summary>
    public IReadOnlyList<DirectionLatent> All => [.. Positive, .. Negative];
}

/// <summary>Chooses the top-K positive and negative latents by separation S+_j = mu_w[j] - mu_l[j] and S-_j = -S+_j.</summary>
/// <remarks>
/// Exact: shares are compared as c_w[j] * n_l - c_l[j] * n_w in 64-bit integers, which for sides of equal size orders like c_w[j] - c_l[j].
/// Ties go to the lower id. Latents with S &lt;= 0 separate nothing and are not taken. Source: arXiv 2511.07896, activation frequency analysis.
/// </remarks>
public static class DirectionSelector
{
    /// <summary>Up to <paramref name="k"/> latents a side.</summary>
    /// <exception cref="SparseRMException">K is not positive, 2K exceeds d_sae, a side has no samples, or no latent separates the sides.</exception>
    public static LatentSelection Select(LatentFrequency frequency, int k)
    {
        if (k <= 0) throw new SparseRMException($"K is {k}; it must be at least 1.");
        if (2L * k > frequency.DSae)
        {
            throw new SparseRMException(
                $"K = {k} asks for {2L * k} latents but the SAE has d_sae = {frequency.DSae}; use a K of at most {frequency.DSae / 2}.");
        }
        if (frequency.ChosenSamples == 0 || frequency.RejectedSamples == 0)
        {
            throw new SparseRMException(
                $"latents cannot be chosen from {frequency.ChosenSamples} preferred and {frequency.RejectedSamples} rejected samples; both sides need at least one.");
        }
        var positive = Side(frequency, k, sign: 1);
        var negative = Side(frequency, k, sign: -1);
        if (positive.Length + negative.Length == 0)
        {
            throw new SparseRMException(
                "every latent is active equally often in preferred and in rejected answers, so there is no direction to take; use another layer, SAE or more pairs.");
        }
        return new LatentSelection(positive, negative, [.. Warning(positive.Length, k, "positive"), .. Warning(negative.Length, k, "negative")]);
    }

    private static DirectionLatent[] Side(LatentFrequency frequency, int k, int sign)
    {
        var separating = new List<(long Separation, int Latent)>();
        for (int j = 0; j < frequency.DSae; j++)
        {
            long separation = sign * (((long)frequency.ChosenCounts[j] * frequency.RejectedSamples)
                - ((long)frequency.RejectedCounts[j] * frequency.ChosenSamples));
            if (separation > 0) separating.Add((separation, j));
        }
        separating.Sort((a, b) => a.Separation != b.Separation ? b.Separation.CompareTo(a.Separation) : a.Latent.CompareTo(b.Latent));
        return [.. separating.Take(k).Select(s => new DirectionLatent(s.Latent, sign, frequency.ChosenCounts[s.Latent],
            frequency.RejectedCounts[s.Latent], frequency.ChosenSamples, frequency.RejectedSamples))];
    }

    private static IEnumerable<string> Warning(int taken, int k, string side)
    {
        if (taken < k) yield return $"only {taken} of K = {k} {side} latents separate the two sides; the others were not taken.";
    }
}
