using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>A share of right answers with its 95 % confidence interval (Wilson score interval, z = 1.959964).</summary>
/// <remarks>Unlike p +- 1.96 sqrt(p (1 - p) / n) it stays within [0, 1] and is right for few pairs and near 100 %. It takes the answers as independent: pairs that
/// share a prompt are less than that, and the true interval is then wider. Source: Wilson 1927.</remarks>
public readonly record struct AccuracyInterval
{
    private const double Z = 1.959963984540054;

    /// <summary><paramref name="correct"/> of <paramref name="total"/>.</summary>
    /// <exception cref="SparseRMException">There is nothing to count.</exception>
    public AccuracyInterval(int correct, int total)
    {
        if (total <= 0) throw new SparseRMException("there are no pairs, so there is no accuracy.");
        if (correct < 0 || correct > total) throw new ArgumentOutOfRangeException(nameof(correct), $"{correct} of {total}");
        (Correct, Total) = (correct, total);
        double p = Accuracy, square = Z * Z / total;
        double middle = (p + (square / 2)) / (1 + square);
        double half = Z * Math.Sqrt((p * (1 - p) / total) + (square / (4.0 * total))) / (1 + square);
        // At 0 and 100 % the formula meets the end exactly; rounding must not pass it.
        Low = correct == 0 ? 0 : middle - half;
        High = correct == total ? 1 : middle + half;
    }

    /// <summary>Right ones.</summary>
    public int Correct { get; }

    /// <summary>All.</summary>
    public int Total { get; }

    /// <summary>Correct / Total.</summary>
    public double Accuracy => (double)Correct / Total;

    /// <summary>Lower end.</summary>
    public double Low { get; }

    /// <summary>Upper end.</summary>
    public double High { get; }
}
