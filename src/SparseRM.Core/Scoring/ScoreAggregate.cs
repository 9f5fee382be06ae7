using System.Globalization;
using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>How the scores of a component's heads become one: <c>mean</c>, <c>min</c> or <c>mean-minus:LAMBDA</c> (mean - LAMBDA * standard deviation).</summary>
/// <remarks>
/// Head scores are F32, as one head alone gives them; sums are F64 in the order of the heads. The standard deviation is that of a sample (divided by
/// n - 1): the heads are a few of all that the training data could have given. The mean of one head is its score, bit for bit.
/// </remarks>
public readonly record struct ScoreAggregate
{
    private const string MeanMinusName = "mean-minus:";

    private enum Rule { Mean, Min, MeanMinus }

    private readonly Rule _rule;
    private readonly double _lambda;

    private ScoreAggregate(Rule rule, double lambda) => (_rule, _lambda) = (rule, lambda);

    /// <summary>The mean of the heads.</summary>
    public static ScoreAggregate Mean => default;

    /// <summary>The lowest of the heads.</summary>
    public static ScoreAggregate Min => new(Rule.Min, 0);

    /// <summary>The mean less <paramref name="lambda"/> standard deviations.</summary>
    /// <exception cref="SparseRMException">Lambda is negative or not finite.</exception>
    public static ScoreAggregate MeanMinus(double lambda) => lambda >= 0 && double.IsFinite(lambda)
        ? new(Rule.MeanMinus, lambda)
        : throw new SparseRMException(string.Create(CultureInfo.InvariantCulture, $"lambda of aggregate mean-minus is {lambda}; it must be a number of at least 0."));

    /// <summary>Whether one head is too few.</summary>
    public bool NeedsSeveralHeads => _rule == Rule.MeanMinus;

    /// <summary>The aggregate of a name.</summary>
    /// <exception cref="SparseRMException">No such aggregate.</exception>
    public static ScoreAggregate Parse(string name)
    {
        if (name == "mean") return Mean;
        if (name == "min") return Min;
        if (name.StartsWith(MeanMinusName, StringComparison.Ordinal)
            && double.TryParse(name.AsSpan(MeanMinusName.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out double lambda))
        {
            return MeanMinus(lambda);
        }
        throw new SparseRMException($"there is no aggregate \"{name}\"; use mean, min or mean-minus:LAMBDA with a number for LAMBDA.");
    }

    /// <summary>The name that <see cref="Parse"/> reads and reward files keep.</summary>
    public override string ToString() => _rule switch
    {
        Rule.Mean => "mean",
        Rule.Min => "min",
        _ => MeanMinusName + _lambda.ToString("R", CultureInfo.InvariantCulture),
    };

    /// <summary>The aggregate of the scores of at least one head.</summary>
    /// <param name="scores">One score a head.</param>
    /// <param name="flipped">
    /// Whether a high score is the bad end, as for a component of negative weight: then min takes the highest and mean-minus adds, so that the model's score is
    /// cautious whatever the signs.
    /// </param>
    /// <exception cref="SparseRMException">A score is not finite, or the aggregate needs more than one head.</exception>
    public double Of(ReadOnlySpan<float> scores, bool flipped = false)
    {
        foreach (float score in scores)
            if (!float.IsFinite(score)) throw new SparseRMException($"a head's score is {score}; scores must be finite (try dtype f32).");
        switch (_rule)
        {
            case Rule.Mean:
                return MeanOf(scores);
            case Rule.Min:
                float end = scores[0];
                foreach (float score in scores[1..]) end = flipped ? Math.Max(end, score) : Math.Min(end, score);
                return end;
            default:
                double spread = _lambda * StandardDeviation(scores);
                return flipped ? MeanOf(scores) + spread : MeanOf(scores) - spread;
        }
    }

    /// <summary>Sample standard deviation.</summary>
    /// <exception cref="SparseRMException">There is one head only.</exception>
    public static double StandardDeviation(ReadOnlySpan<float> scores)
    {
        var values = new double[scores.Length];
        for (int i = 0; i < values.Length; i++) values[i] = scores[i];
        return StandardDeviation(values);
    }

    internal static double StandardDeviation(ReadOnlySpan<double> scores)
    {
        if (scores.Length < 2) throw new SparseRMException("one head has no standard deviation; fit with at least 2 heads.");
        double mean = scores[0], sum = 0;
        foreach (double score in scores[1..]) mean += score;
        mean /= scores.Length;
        foreach (double score in scores) sum += (score - mean) * (score - mean);
        return Math.Sqrt(sum / (scores.Length - 1));
    }

    // Begins with the first score and not with 0, so that -0 stays -0.
    private static double MeanOf(ReadOnlySpan<float> scores)
    {
        double sum = scores[0];
        foreach (float score in scores[1..]) sum += score;
        return sum / scores.Length;
    }
}
