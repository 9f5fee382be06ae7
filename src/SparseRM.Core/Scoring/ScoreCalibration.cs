namespace SparseRM.Scoring;

/// <summary>What makes a probability of a score: p(margin) = 1 / (1 + exp(-margin / T)), for an answer alone with margin = score - intercept.</summary>
/// <remarks>
/// A pair has no intercept of its own: exchanging its answers must give 1 - p. The intercept is the score of an answer that is preferred as often as not, by
/// which a single answer has a probability, too. Of several answers to one prompt each has the share exp(s / T) of their sum (Luce 1959), which for two is p of
/// their margin. All in F64. Source: Platt 1999; Guo et al. 2017, who call T the temperature.
/// </remarks>
/// <param name="Temperature">T, above 0.</param>
/// <param name="Intercept">The score at which an answer is preferred as often as not.</param>
/// <param name="Pairs">Pairs that it was learned from.</param>
/// <param name="ErrorBefore">Expected calibration error of those pairs at T = 1.</param>
/// <param name="ErrorAfter">The same at <paramref name="Temperature"/>, which was chosen on these pairs.</param>
public sealed record ScoreCalibration(double Temperature, double Intercept, int Pairs, double ErrorBefore, double ErrorAfter)
{
    /// <summary>The probability that an answer which scores by so much higher is the preferred one of the two.</summary>
    public double OfMargin(double margin) => Logistic(margin / Temperature);

    /// <summary>The probability that an answer of this score is preferred to one at the intercept.</summary>
    public double OfScore(double score) => OfMargin(score - Intercept);

    /// <summary>The probability of each of some answers to one prompt to be the preferred one of them.</summary>
    /// <param name="scores">Their scores.</param>
    public double[] OfScores(ReadOnlySpan<float> scores)
    {
        var shares = new double[scores.Length];
        double most = double.NegativeInfinity, sum = 0;
        foreach (float score in scores) most = Math.Max(most, score);
        for (int i = 0; i < shares.Length; i++) sum += shares[i] = Math.Exp((scores[i] - most) / Temperature);
        for (int i = 0; i < shares.Length; i++) shares[i] /= sum;
        return shares;
    }

    /// <summary>1 / (1 + exp(-x)).</summary>
    internal static double Logistic(double x) => 1 / (1 + Math.Exp(-x));
}
