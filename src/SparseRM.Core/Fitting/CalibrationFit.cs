using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Learns the temperature and the intercept that make probabilities of scores.</summary>
/// <remarks>
/// The temperature maximises the likelihood of the pairs' labels with Platt's targets: of n pairs each counts as right by (n + 1) / (n + 2), so that pairs which
/// are all ordered rightly do not make every margin certain. The intercept then maximises the likelihood of the answers' sides. Both by bisection in F64.
/// Source: Platt 1999, "Probabilistic outputs for support vector machines".
/// </remarks>
public static class CalibrationFit
{
    private const int Halvings = 100;

    /// <summary>Learns both.</summary>
    /// <param name="margins">Of pairs that the heads which scored them had not seen: score of the preferred answer less that of the other.</param>
    /// <param name="chosen">Scores of preferred answers by the reward model that is to be calibrated.</param>
    /// <param name="rejected">Scores of the others.</param>
    /// <exception cref="SparseRMException">The margins are all 0, or do not go with the labels.</exception>
    public static ScoreCalibration Of(IReadOnlyCollection<double> margins, IReadOnlyCollection<float> chosen, IReadOnlyCollection<float> rejected)
    {
        if (margins.Count == 0 || chosen.Count == 0 || rejected.Count == 0) throw new ArgumentException($"{margins.Count} margins, {chosen.Count} and {rejected.Count} scores");
        double temperature = Temperature(margins);
        return new ScoreCalibration(temperature, Intercept(chosen, rejected, temperature), margins.Count,
            Reliability.Of(margins, 1).Error, Reliability.Of(margins, temperature).Error);
    }

    /// <summary>The temperature alone.</summary>
    /// <exception cref="SparseRMException">The margins are all 0, or do not go with the labels.</exception>
    internal static double Temperature(IReadOnlyCollection<double> margins)
    {
        double size = margins.Average(Math.Abs), target = (margins.Count + 1.0) / (margins.Count + 2);
        if (size == 0) throw new SparseRMException("both answers of every pair have the same score, so no probability can be learned from margins; the data or the states are constant.");
        if (margins.Sum() <= 0)
        {
            throw new SparseRMException(
                "held-out pairs are ordered no better than by chance (their mean margin is not above 0), so no probability can be learned from margins; use more pairs or another layer.");
        }
        // The slope of the loss in 1 / T rises from below 0 to above it.
        double low = Math.Log(1e-9 / size), high = Math.Log(1e9 / size);
        for (int i = 0; i < Halvings; i++)
        {
            double middle = (low + high) / 2, inverse = Math.Exp(middle);
            if (margins.Sum(margin => margin * (ScoreCalibration.Logistic(margin * inverse) - target)) < 0) low = middle;
            else high = middle;
        }
        return Math.Exp(-(low + high) / 2);
    }

    private static double Intercept(IReadOnlyCollection<float> chosen, IReadOnlyCollection<float> rejected, double temperature)
    {
        float[] all = [.. chosen, .. rejected];
        double low = all.Min() - (40 * temperature), high = all.Max() + (40 * temperature);
        for (int i = 0; i < Halvings; i++)
        {
            double middle = (low + high) / 2;
            if (all.Sum(score => ScoreCalibration.Logistic((score - middle) / temperature)) > chosen.Count) low = middle;
            else high = middle;
        }
        return (low + high) / 2;
    }
}
