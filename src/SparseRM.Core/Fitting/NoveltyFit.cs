using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Makes the <see cref="NoveltyEstimator"/> of training inputs: their shrunk covariance, and distances of inputs that it did not see.</summary>
/// <remarks>
/// Columns are standardised, so that their scales do not matter; the covariance S of the standardised inputs is shrunk towards a multiple of the identity by
/// the weight of Ledoit and Wolf (2004), at least <see cref="LeastShrinkage"/>: so much keeps the rounding of F32 inputs out of directions in which training does not vary.
/// Distances come from the held-out pairs where these give at least <see cref="LeastHeldOut"/> of them, else from the training pairs in <see cref="Folds"/> folds by group,
/// each measured by what the other folds gave. Float64 in a fixed order: the same bytes on any number of threads.
/// </remarks>
internal static class NoveltyFit
{
    public const double LeastShrinkage = 1e-4;
    public const int LeastHeldOut = 40, Folds = 5;

    private const int KeptTop = 64, KeptEven = 192;

    /// <summary>The estimator, or null where fewer than <see cref="NoveltyEstimator.LeastSamples"/> inputs could calibrate it.</summary>
    /// <param name="inputs">Of all pairs.</param>
    /// <param name="split">Training and held-out pairs.</param>
    /// <param name="groups">Key of each pair's group, or null.</param>
    /// <param name="mean">Mean training input in F32.</param>
    /// <param name="seed">Decides the folds.</param>
    /// <param name="threads">Threads at most.</param>
    public static NoveltyEstimator? Of(PairInputs inputs, PairSplit split, IReadOnlyList<string>? groups, float[] mean, long seed, int threads)
    {
        bool heldOut = 2 * split.HeldOutPairs.Length >= LeastHeldOut;
        int available = 2 * (heldOut ? split.HeldOutPairs.Length : split.Training.Length);
        if (available < NoveltyEstimator.LeastSamples) return null;
        float[] whitening = Whitening(inputs, split.Training, InputScaling.Of(inputs, split.Training), threads);
        var distances = heldOut ? Distances(inputs, split.HeldOutPairs, mean, whitening) : CrossFitted(inputs, split.Training, groups, seed, threads);
        return distances is null ? null : Calibrated(mean, whitening, distances, heldOut ? NoveltyCalibration.HeldOut : NoveltyCalibration.CrossFitted);
    }

    /// <summary>The estimator with the tail that some distances show; null where none is above 0.</summary>
    internal static NoveltyEstimator? Calibrated(float[] mean, float[] whitening, float[] distances, NoveltyCalibration calibration)
    {
        Array.Sort(distances);
        int n = distances.Length, top = (int)Math.Ceiling(Math.Sqrt(n)) is var root && root < n ? root : n - 1;
        double largest = distances[^1], below = distances[n - 1 - top];
        if (largest == 0) return null;
        double excess = distances[(n - top)..].Sum(distance => distance - below) / top;
        var kept = new List<float>();
        var tails = new List<float>();
        for (int rank = 1; rank <= n; rank++)
        {
            // All of the largest, and of the others every so many: enough for a curve.
            bool keep = n - rank < KeptTop || n <= KeptTop + KeptEven || (long)rank * KeptEven / n != (rank - 1L) * KeptEven / n;
            // Of equal distances the first, whose tail has them all.
            if (!keep || distances[rank - 1] == 0 || (kept.Count > 0 && kept[^1] >= distances[rank - 1])) continue;
            kept.Add(distances[rank - 1]);
            tails.Add((float)(1 - (rank / (n + 1.0))));
        }
        return new NoveltyEstimator(mean, whitening, [.. kept], [.. tails], (float)Math.Max(excess, 1e-3 * largest), calibration, n);
    }

    /// <summary>W for raw inputs, rounded to F32.</summary>
    internal static float[] Whitening(PairInputs inputs, int[] pairs, InputScaling scaling, int threads)
    {
        int n = inputs.InputCount;
        var whitening = new float[NoveltyEstimator.WhiteningLength(n)];
        if (n > NoveltyEstimator.WidestTriangle)
        {
            for (int i = 0; i < n; i++) whitening[i] = (float)scaling.InverseDeviation[i];
            return whitening;
        }
        int[] live = [.. Enumerable.Range(0, n).Where(i => scaling.InverseDeviation[i] > 0)];
        var inverse = ShrunkCovariance.Of(inputs, pairs, scaling, live, LeastShrinkage, threads).InverseRoot();
        for (int i = 0; i < live.Length; i++)
        {
            long row = (long)live[i] * (live[i] + 1) / 2;
            for (int j = 0; j <= i; j++) whitening[row + live[j]] = (float)(inverse[(i * live.Length) + j] * scaling.InverseDeviation[live[j]]);
        }
        return whitening;
    }

    private static float[]? CrossFitted(PairInputs inputs, int[] pairs, IReadOnlyList<string>? groups, long seed, int threads)
    {
        string[]? own = groups is null ? null : [.. pairs.Select(pair => groups[pair])];
        int folds = Math.Min(Folds, own?.Distinct().Count() ?? pairs.Length);
        if (folds < 2) return null;
        var distances = new List<float>();
        foreach (var fold in PairSplit.Folds(pairs.Length, own, folds, seed))
        {
            int[] seen = [.. fold.Training.Select(i => pairs[i])], unseen = [.. fold.HeldOutPairs.Select(i => pairs[i])];
            var scaling = InputScaling.Of(inputs, seen);
            distances.AddRange(Distances(inputs, unseen, scaling.MeanInput(), Whitening(inputs, seen, scaling, threads)));
        }
        return [.. distances];
    }

    private static float[] Distances(PairInputs inputs, int[] pairs, float[] mean, float[] whitening)
    {
        var distances = new float[2 * pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            distances[2 * i] = (float)NoveltyEstimator.Distance(mean, whitening, inputs.Chosen(pairs[i]));
            distances[(2 * i) + 1] = (float)NoveltyEstimator.Distance(mean, whitening, inputs.Rejected(pairs[i]));
        }
        return distances;
    }
}
