namespace SparseRM.Scoring;

/// <summary>How rare a finding is by chance.</summary>
internal static class Tails
{
    /// <summary>P(at least <paramref name="count"/> of <paramref name="samples"/>) where each has a chance of <paramref name="chance"/>.</summary>
    public static double Binomial(int samples, double chance, int count)
    {
        double term = Math.Pow(1 - chance, samples), below = 0;
        for (int i = 0; i < count; i++)
        {
            below += term;
            term *= (samples - i) / (i + 1.0) * chance / (1 - chance);
        }
        return Math.Max(0, 1 - below);
    }

    /// <summary>z with P(|normal| above z) at most <paramref name="share"/>, by Mills' bound 2 phi(z) / z.</summary>
    public static double NormalBound(double share)
    {
        double low = 0.5, high = 40;
        for (int i = 0; i < 60; i++)
        {
            double z = (low + high) / 2;
            if (2 * Math.Exp(-z * z / 2) / (z * Math.Sqrt(2 * Math.PI)) > share) low = z;
            else high = z;
        }
        return high;
    }
}
