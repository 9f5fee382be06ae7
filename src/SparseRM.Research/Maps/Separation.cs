using SparseRM.Fitting;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Maps;

/// <summary>How far preferred and rejected answers lie apart in a space, and how far a map can be trusted.</summary>
internal static class Separation
{
    private const int Folds = 5;
    private const double Penalty = 0.01;

    /// <summary>Mean silhouette of two clusters: (b - a) / max(a, b) with a the mean distance to one's own cluster and b that to the other, in -1..1 (Rousseeuw, 1987).</summary>
    /// <param name="squared">Squared distances [n, n].</param>
    /// <param name="sides">Which cluster each point is of; both occur.</param>
    public static double Silhouette(double[] squared, bool[] sides)
    {
        int n = sides.Length;
        int[] sizes = [sides.Count(side => !side), sides.Count(side => side)];
        double sum = 0;
        var distances = new double[2];
        for (int i = 0; i < n; i++)
        {
            int own = sides[i] ? 1 : 0;
            if (sizes[own] == 1) continue; // by definition 0
            Array.Clear(distances);
            for (int j = 0; j < n; j++) distances[sides[j] ? 1 : 0] += Math.Sqrt(squared[(i * n) + j]);
            double a = distances[own] / (sizes[own] - 1), b = distances[1 - own] / sizes[1 - own];
            if (Math.Max(a, b) > 0) sum += (b - a) / Math.Max(a, b);
        }
        return sum / n;
    }

    /// <summary>Squared distances of a map [n, 2].</summary>
    public static double[] Squared(double[] map)
    {
        int n = map.Length / 2;
        var squared = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double dx = map[2 * i] - map[2 * j], dy = map[(2 * i) + 1] - map[(2 * j) + 1];
                squared[(i * n) + j] = (dx * dx) + (dy * dy);
            }
        }
        return squared;
    }

    /// <summary>Trustworthiness of a map: 1 where the k nearest points of the map are near in the space, too (Venna and Kaski, 2001).</summary>
    /// <param name="space">Squared distances of the space [n, n].</param>
    /// <param name="map">Squared distances of the map [n, n].</param>
    /// <param name="n">Number of points, above 2k.</param>
    /// <param name="k">Neighbours.</param>
    /// <param name="parallel">Threads; they change no bit.</param>
    public static double Trustworthiness(double[] space, double[] map, int n, int k, ParallelOptions parallel)
    {
        var excess = new long[n];
        Parallel.For(0, n, parallel, i =>
        {
            int[] Order(double[] squared) => [.. Enumerable.Range(0, n).Where(j => j != i).OrderBy(j => squared[(i * n) + j]).ThenBy(j => j)];
            var rank = new int[n];
            int[] near = Order(space);
            for (int place = 0; place < near.Length; place++) rank[near[place]] = place + 1;
            foreach (int j in Order(map).Take(k)) excess[i] += Math.Max(0, rank[j] - k);
        });
        return 1 - (2.0 / (n * (double)k * ((2.0 * n) - (3 * k) - 1)) * excess.Sum());
    }

    /// <summary>Share of answers that a linear probe puts on the right side: logistic regression with penalty 0.01 |w|² / 2 and an intercept, by 5-fold cross-validation over prompts.</summary>
    /// <param name="values">Points [n, width].</param>
    /// <param name="width">Width of a row.</param>
    /// <param name="sides">Their sides.</param>
    /// <param name="prompts">Their prompts, which no fold splits.</param>
    /// <param name="parallel">Threads; they change no bit.</param>
    /// <returns>How many were put rightly; null where there are fewer than two prompts.</returns>
    public static int? ProbeCorrect(ReadOnlyMemory<float> values, int width, bool[] sides, string[] prompts, ParallelOptions parallel)
    {
        int folds = Math.Min(Folds, prompts.Distinct().Count());
        if (folds < 2) return null;
        var splits = PairSplit.Folds(sides.Length, prompts, folds, seed: 0);
        var correct = new int[splits.Count];
        Parallel.For(0, splits.Count, parallel, fold =>
        {
            var (rows, padded) = Signed(values.Span, width, sides, splits[fold].Training);
            var solver = new PairwiseLinear(rows, padded);
            double[] w = solver.Solve(splits[fold].Training, LinearLoss.Logistic, Penalty, null, parallel.CancellationToken);
            correct[fold] = solver.Judge(splits[fold].HeldOutPairs, LinearLoss.Logistic, w).Correct;
        });
        return correct.Sum();
    }

    // y_i (x_i, 1) with x standardised by the training rows, so that a margin above 0 is a point on its side.
    private static (double[] Rows, int Width) Signed(ReadOnlySpan<float> values, int width, bool[] sides, int[] training)
    {
        double[] mean = new double[width], square = new double[width];
        foreach (int row in training)
            for (int k = 0; k < width; k++) mean[k] += values[(row * width) + k] / (double)training.Length;
        foreach (int row in training)
            for (int k = 0; k < width; k++) square[k] += Math.Pow(values[(row * width) + k] - mean[k], 2) / training.Length;
        var rows = new double[sides.Length * (width + 1)];
        for (int row = 0; row < sides.Length; row++)
        {
            int sign = sides[row] ? 1 : -1;
            for (int k = 0; k < width; k++) rows[(row * (width + 1)) + k] = square[k] > 1e-12 ? sign * (values[(row * width) + k] - mean[k]) / Math.Sqrt(square[k]) : 0;
            rows[(row * (width + 1)) + width] = sign;
        }
        return (rows, width + 1);
    }
}
