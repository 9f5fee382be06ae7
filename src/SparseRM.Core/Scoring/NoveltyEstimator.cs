using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>Which inputs, that the estimator had not seen, calibrated its distances.</summary>
public enum NoveltyCalibration
{
    /// <summary>Those of the pairs held out of training.</summary>
    HeldOut,
    /// <summary>The training inputs in turn, each by an estimator made without its fold: too few pairs were held out.</summary>
    CrossFitted,
}

/// <summary>How unusual a head's input is for the training data: a shrunk Mahalanobis distance, calibrated to a tail probability.</summary>
/// <remarks>
/// <para>distance(v) = |W (v - m)| with m the mean training input and W^T W the inverse of the shrunk covariance of the training inputs (chosen and rejected).
/// W is a lower triangle, or above <see cref="WidestTriangle"/> inputs a diagonal: each input by itself. An input without variance in training has a
/// row and column of 0: the head does not read it either.</para>
/// <para>P(distance) is the share of unseen training-like inputs that are at least as far: at the k-th smallest of n calibration distances 1 - k / (n + 1),
/// linear between them and from 1 at distance 0; beyond the largest, d_n, exponential: exp(-(distance - d_n) / s) / (n + 1), s the mean excess of the
/// largest sqrt(n) distances over the one below them. Novelty is 1 - P. Arithmetic is F64. Immutable and thread-safe.</para>
/// </remarks>
public sealed class NoveltyEstimator
{
    /// <summary>Inputs up to which their correlations count.</summary>
    public const int WidestTriangle = 1024;

    /// <summary>Calibration distances without which there is no estimator: the tail would be a guess.</summary>
    public const int LeastSamples = 20;

    private readonly float[] _mean, _whitening, _distances, _tails;

    /// <summary>Takes the arrays as they are.</summary>
    /// <param name="mean">m [in].</param>
    /// <param name="whitening">W: the lower triangle row after row, in (in + 1) / 2 values; the diagonal above <see cref="WidestTriangle"/> inputs.</param>
    /// <param name="distances">Some calibration distances, rising.</param>
    /// <param name="tails">P at each of them, falling.</param>
    /// <param name="tailScale">s: over which distance P falls by the factor e beyond the largest.</param>
    /// <param name="calibration">Where the distances come from.</param>
    /// <param name="samples">n, all calibration distances.</param>
    /// <exception cref="ArgumentException">Lengths do not fit, or values are not in order.</exception>
    public NoveltyEstimator(
        float[] mean, float[] whitening, float[] distances, float[] tails, float tailScale, NoveltyCalibration calibration, int samples)
    {
        if (whitening.LongLength != WhiteningLength(mean.Length)) throw new ArgumentException($"{whitening.Length} values of whitening for {mean.Length} inputs");
        if (distances.Length == 0 || distances.Length != tails.Length || !(tailScale > 0 && float.IsFinite(tailScale)) || samples < distances.Length)
            throw new ArgumentException($"{distances.Length} of {samples} distances with {tails.Length} tail probabilities and a scale of {tailScale}");
        for (int i = 0; i < distances.Length; i++)
        {
            (float before, float above) = i == 0 ? (0, 1) : (distances[i - 1], tails[i - 1]);
            if (!(distances[i] > before && float.IsFinite(distances[i]) && tails[i] > 0 && tails[i] < above))
                throw new ArgumentException($"distance {distances[i]} with tail probability {tails[i]} follows {before} with {above}");
        }
        (_mean, _whitening, _distances, _tails, TailScale, Calibration, Samples) = (mean, whitening, distances, tails, tailScale, calibration, samples);
    }

    /// <summary>Width of v.</summary>
    public int InputCount => _mean.Length;

    /// <summary>W, as the constructor takes it.</summary>
    public ReadOnlyMemory<float> Whitening => _whitening;

    /// <summary>Some calibration distances, rising.</summary>
    public ReadOnlyMemory<float> Distances => _distances;

    /// <summary>The tail probability at each of <see cref="Distances"/>.</summary>
    public ReadOnlyMemory<float> Tails => _tails;

    /// <summary>Over which distance the tail probability falls by the factor e beyond the largest.</summary>
    public float TailScale { get; }

    /// <summary>Where the distances come from.</summary>
    public NoveltyCalibration Calibration { get; }

    /// <summary>Calibration distances in all.</summary>
    public int Samples { get; }

    /// <summary>Values of W for so many inputs.</summary>
    public static long WhiteningLength(int inputs) => inputs <= WidestTriangle ? (long)inputs * (inputs + 1) / 2 : inputs;

    /// <summary>1 - P(distance(v)): in 0..1, near 1 is unlike all training inputs.</summary>
    /// <param name="v">[in].</param>
    /// <exception cref="SparseRMException">v is not finite.</exception>
    public double Of(ReadOnlySpan<float> v) => 1 - TailProbability(Distance(v));

    /// <summary>|W (v - m)|.</summary>
    /// <param name="v">[in].</param>
    /// <exception cref="ArgumentException">v has another width.</exception>
    /// <exception cref="SparseRMException">v is not finite.</exception>
    public double Distance(ReadOnlySpan<float> v) => Distance(_mean, _whitening, v);

    /// <summary>P: the share of inputs like those of training that are at least as far.</summary>
    public double TailProbability(double distance)
    {
        int last = _distances.Length - 1;
        if (distance >= _distances[last]) return _tails[last] * Math.Exp(-(distance - _distances[last]) / TailScale);
        int above = 0;
        while (_distances[above] <= distance) above++;
        (double low, double high) = above == 0 ? (0, 1) : (_distances[above - 1], _tails[above - 1]);
        return high + ((_tails[above] - high) * (distance - low) / (_distances[above] - low));
    }

    internal static double Distance(ReadOnlySpan<float> mean, ReadOnlySpan<float> whitening, ReadOnlySpan<float> v)
    {
        if (v.Length != mean.Length) throw new ArgumentException($"an input of {v.Length} values for {mean.Length}", nameof(v));
        bool isTriangle = mean.Length <= WidestTriangle;
        var away = new double[v.Length];
        double square = 0;
        int at = 0;
        for (int i = 0; i < v.Length; i++)
        {
            if (!float.IsFinite(v[i])) throw new SparseRMException($"the head's input has {v[i]}; it must be finite to be compared with those of training.");
            away[i] = (double)v[i] - mean[i];
            double sum = 0;
            if (!isTriangle) sum = whitening[i] * away[i];
            else
                for (int j = 0; j <= i; j++) sum += whitening[at++] * away[j];
            square += sum * sum;
        }
        return Math.Sqrt(square);
    }
}
