namespace SparseRM.Scoring;

/// <summary>Pairs of about one confidence.</summary>
/// <param name="Low">The part's lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="Pairs">Pairs in it.</param>
/// <param name="Confidence">Their mean probability that the answer which scores higher is the preferred one.</param>
/// <param name="Right">Share of them in which it is; a tie counts as half.</param>
public sealed record ReliabilityPart(double Low, double High, int Pairs, double Confidence, double Right);

/// <summary>Whether a margin is a probability: how often those who say 80 % are right.</summary>
/// <param name="Parts">Ten parts of equal width of confidences from 0.5 to 1; those without pairs are left out.</param>
/// <param name="Error">Expected calibration error: the mean over pairs of |confidence - share right| of their part.</param>
/// <remarks>F64 sums in the order of the pairs. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".</remarks>
public sealed record Reliability(IReadOnlyList<ReliabilityPart> Parts, double Error)
{
    private const int Count = 10;

    /// <summary>Of pairs at a temperature.</summary>
    /// <param name="margins">Score of the preferred answer less that of the other; at least one, finite.</param>
    /// <param name="temperature">The confidence of a pair is 1 / (1 + exp(-|margin| / temperature)).</param>
    public static Reliability Of(IReadOnlyCollection<double> margins, double temperature)
    {
        if (margins.Count == 0) throw new ArgumentException("there are no pairs", nameof(margins));
        var (pairs, confidence, right) = (new int[Count], new double[Count], new double[Count]);
        foreach (double margin in margins)
        {
            double sure = ScoreCalibration.Logistic(Math.Abs(margin) / temperature);
            int part = Math.Min(Count - 1, (int)((sure - 0.5) * 2 * Count));
            pairs[part]++;
            confidence[part] += sure;
            right[part] += margin > 0 ? 1 : margin == 0 ? 0.5 : 0;
        }
        double error = 0;
        for (int part = 0; part < Count; part++) error += Math.Abs(confidence[part] - right[part]) / margins.Count;
        return new Reliability(
            [.. Enumerable.Range(0, Count).Where(part => pairs[part] > 0).Select(part => new ReliabilityPart(
                0.5 + (part * 0.5 / Count), 0.5 + ((part + 1) * 0.5 / Count), pairs[part], confidence[part] / pairs[part], right[part] / pairs[part]))], error);
    }
}
