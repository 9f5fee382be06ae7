namespace SparseRM.Scoring;

/// <summary>What one element of the head's input contributes to a score.</summary>
/// <param name="Index">Which element of v.</param>
/// <param name="Latent">The SAE latent behind it, or null (dense and random inputs).</param>
/// <param name="Value">v[Index]: for the method, the projection &lt;z, d_j&gt;.</param>
/// <param name="Mean">The same element of the mean training input.</param>
/// <param name="Slope">Mean derivative of the score by this element between the mean input and v.</param>
/// <param name="Share">Slope * (Value - Mean): its part of score(v) - score(mean).</param>
public readonly record struct DirectionShare(int Index, DirectionLatent? Latent, double Value, double Mean, double Slope, double Share)
{
    /// <summary>What another hidden state of the same dialogue, with value <paramref name="value"/> in this element, would add: Slope * (value - Mean).</summary>
    /// <remarks>Computed for each token's state it tells which tokens push the direction up or down.</remarks>
    public double Push(double value) => Slope * (value - Mean);
}

/// <summary>A score taken apart: each element's share of the score above (or below) the score of the mean training input.</summary>
/// <remarks>
/// Integrated gradients along the straight path from the mean training input m to v (Sundararajan, Taly and Yan 2017), in closed form: on the path unit j
/// has the pre-activation a_j + t c_j with a_j = W1[j] m + b1[j], c_j = W1[j] (v - m), so it is on for a share phi_j of t in [0, 1] that is known
/// exactly. share_i = (v_i - m_i) sum_j W2[j] phi_j W1[j, i]. Since phi_j c_j = relu(a_j + c_j) - relu(a_j), the shares add up to score(v) - score(m).
/// Float64 throughout.
/// </remarks>
public sealed class ScoreExplanation
{
    private ScoreExplanation(double score, double meanScore, DirectionShare[] shares) => (Score, MeanScore, Shares) = (score, meanScore, shares);

    /// <summary>score(v).</summary>
    public double Score { get; }

    /// <summary>score(m).</summary>
    public double MeanScore { get; }

    /// <summary>One entry for each element of v, in its order; they sum to <see cref="Score"/> - <see cref="MeanScore"/>.</summary>
    public IReadOnlyList<DirectionShare> Shares { get; }

    /// <summary>The <paramref name="count"/> shares of the largest size, largest first; ties go to the lower index.</summary>
    public IReadOnlyList<DirectionShare> Top(int count) => [.. Shares.OrderByDescending(share => Math.Abs(share.Share)).ThenBy(share => share.Index).Take(count)];

    /// <summary>Explains the score that a model of one component gives to its head's input v.</summary>
    /// <exception cref="ArgumentException">v is not of the model's width.</exception>
    /// <exception cref="InvalidOperationException">The model has several components: explain each.</exception>
    public static ScoreExplanation Of(RewardModel model, ReadOnlySpan<float> v) => model.Components.Count == 1
        ? Of(model.Components[0], v) : throw new InvalidOperationException($"the reward model has {model.Components.Count} components");

    /// <summary>Explains the mean of the heads' scores of a component's input v.</summary>
    /// <exception cref="ArgumentException">v is not of the component's width.</exception>
    public static ScoreExplanation Of(RewardComponent component, ReadOnlySpan<float> v)
    {
        var mean = component.MeanInput.Span;
        if (v.Length != mean.Length) throw new ArgumentException($"an input of {v.Length} values for a head of {mean.Length}", nameof(v));
        var slopes = new double[v.Length];
        double score = 0, meanScore = 0;
        foreach (var head in component.Heads)
        {
            score += head.Score(v) / component.Heads.Count;
            meanScore += head.Score(mean) / component.Heads.Count;
            AddSlopes(slopes, head, mean, v, component.Heads.Count);
        }
        var shares = new DirectionShare[v.Length];
        for (int i = 0; i < shares.Length; i++)
        {
            DirectionLatent? latent = component.Input.Latents.Count > 0 ? component.Input.Latents[i] : null;
            shares[i] = new DirectionShare(i, latent, v[i], mean[i], slopes[i], slopes[i] * ((double)v[i] - mean[i]));
        }
        return new ScoreExplanation(score, meanScore, shares);
    }

    private static void AddSlopes(double[] slopes, RewardHead head, ReadOnlySpan<float> mean, ReadOnlySpan<float> v, int heads)
    {
        for (int unit = 0; unit < head.HiddenUnits; unit++)
        {
            double start = head.PreActivation(unit, mean), end = head.PreActivation(unit, v);
            double factor = head.W2.Span[unit] * OnShare(start, end) / heads;
            if (factor == 0) continue;
            var row = head.Row(unit);
            for (int i = 0; i < slopes.Length; i++) slopes[i] += factor * row[i];
        }
    }

    /// <summary>Share of the way from pre-activation <paramref name="start"/> to <paramref name="end"/> on which the unit is on.</summary>
    private static double OnShare(double start, double end) => (start > 0, end > 0) switch
    {
        (true, true) => 1,
        (false, false) => 0,
        (false, true) => end / (end - start),
        (true, false) => start / (start - end),
    };
}
