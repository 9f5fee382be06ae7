namespace SparseRM.Benchmarking.Ab;

/// <summary>Student's distribution of t.</summary>
internal static class StudentT
{
    /// <summary>The t that |T| does not exceed with a probability, T having some degrees of freedom.</summary>
    /// <param name="probability">From 0 on, below 1.</param>
    /// <param name="freedom">From 1 on.</param>
    public static double Quantile(double probability, int freedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(freedom, 1);
        double low = 0, high = Math.PI / 2;
        for (int i = 0; i < 60; i++)
        {
            double middle = (low + high) / 2;
            if (Within(middle, freedom) < probability) low = middle;
            else high = middle;
        }
        return Math.Tan(high) * Math.Sqrt(freedom);
    }

    /// <summary>P(|T| &lt;= tan(angle) sqrt(freedom)): Abramowitz and Stegun, 26.7.3 and 26.7.4.</summary>
    private static double Within(double angle, int freedom)
    {
        bool odd = freedom % 2 == 1;
        double cosine = Math.Cos(angle), term = odd ? cosine : 1, sum = 0;
        for (int power = odd ? 1 : 0; power <= freedom - 2; power += 2)
        {
            sum += term;
            term *= cosine * cosine * (power + 1) / (power + 2);
        }
        return odd ? 2 / Math.PI * (angle + Math.Sin(angle) * sum) : Math.Sin(angle) * sum;
    }
}
