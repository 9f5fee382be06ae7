using System.Runtime.Intrinsics;
using SparseRM.Fitting;

namespace SparseRM.Research.Maps;

/// <summary>t-SNE in two dimensions, exact: every pair of points counts (van der Maaten and Hinton, JMLR 2008). O(n^2) time and memory; float64.</summary>
/// <remarks>
/// With p_{j|i} ∝ exp(-β_i |x_i - x_j|²), β_i such that their entropy is log(perplexity), P = (p_{j|i} + p_{i|j}) / 2n and q_ij ∝ w_ij = 1 / (1 + |y_i - y_j|²), it minimises
/// KL(P | Q) by gradient descent with momentum and gains. Constants are scikit-learn's (<c>TSNE(method="exact", learning_rate="auto")</c>): early exaggeration 12 and momentum 0.5
/// for 250 steps, then momentum 0.8; step size max(n / 48, 50); gains + 0.2 or * 0.8, at least 0.01. There is no maintained t-SNE among .NET packages.
/// A row's sums are in one order and rows are added in order, so that threads change no bit.
/// </remarks>
internal static class TSne
{
    /// <summary>Steps with exaggerated attraction, and steps in all.</summary>
    public const int EarlySteps = 250, Steps = 1000;

    private const double Exaggeration = 12, LeastGain = 0.01, EntropyTolerance = 1e-5, Floor = 2.220446049250313e-16;
    private const double Far = 1e100; // where padding lies: its w is 0
    private const int Lanes = 4, Searches = 100;

    /// <summary>P [n, n], symmetric, summing to 1.</summary>
    /// <param name="squared">Squared distances [n, n].</param>
    /// <param name="n">Number of points.</param>
    /// <param name="perplexity">Neighbours that count, below n.</param>
    /// <param name="parallel">Threads.</param>
    public static double[] Affinities(double[] squared, int n, double perplexity, ParallelOptions parallel)
    {
        var conditional = new double[n * n];
        double wanted = Math.Log(perplexity);
        Parallel.For(0, n, parallel, i =>
        {
            var row = conditional.AsSpan(i * n, n);
            double low = double.NegativeInfinity, high = double.PositiveInfinity, beta = 1;
            for (int search = 0; search < Searches; search++)
            {
                double sum = 0, weighted = 0;
                for (int j = 0; j < n; j++)
                {
                    row[j] = j == i ? 0 : Math.Exp(-beta * squared[(i * n) + j]);
                    sum += row[j];
                }
                sum = sum == 0 ? 1e-8 : sum;
                for (int j = 0; j < n; j++)
                {
                    row[j] /= sum;
                    weighted += row[j] * squared[(i * n) + j];
                }
                double off = Math.Log(sum) + (beta * weighted) - wanted;
                if (Math.Abs(off) <= EntropyTolerance) break;
                if (off > 0) (low, beta) = (beta, double.IsPositiveInfinity(high) ? beta * 2 : (beta + high) / 2);
                else (high, beta) = (beta, double.IsNegativeInfinity(low) ? beta / 2 : (beta + low) / 2);
            }
        });
        double all = 0;
        foreach (double value in conditional) all += value;
        var p = new double[n * n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != j) p[(i * n) + j] = Math.Max((conditional[(i * n) + j] + conditional[(j * n) + i]) / (2 * all), Floor);
        return p;
    }

    /// <summary>KL(P | Q) of a map.</summary>
    /// <param name="p">From <see cref="Affinities"/>.</param>
    /// <param name="map">[n, 2].</param>
    public static double Divergence(double[] p, double[] map)
    {
        int n = map.Length / 2;
        double z = 0, sum = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != j) z += Weight(map, i, j);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != j) sum += p[(i * n) + j] * Math.Log(p[(i * n) + j] / Math.Max(Weight(map, i, j) / z, Floor));
        return sum;
    }

    /// <summary>The gradient of KL(exaggeration * P | Q), [n, 2]: 4 sum_j (e p_ij - q_ij) w_ij (y_i - y_j).</summary>
    public static double[] Gradient(double[] p, double[] map, double exaggeration, ParallelOptions parallel)
    {
        int n = map.Length / 2, padded = (n + Lanes - 1) / Lanes * Lanes;
        double[] xs = new double[padded], ys = new double[padded], attraction = new double[2 * n], repulsion = new double[2 * n], weights = new double[n];
        for (int i = 0; i < padded; i++) (xs[i], ys[i]) = i < n ? (map[2 * i], map[(2 * i) + 1]) : (Far, Far);
        Parallel.For(0, n, parallel, i =>
        {
            var one = Vector256.Create(1.0);
            Vector256<double> x = Vector256.Create(xs[i]), y = Vector256.Create(ys[i]);
            Vector256<double> ax = default, ay = default, rx = default, ry = default, sum = default;
            var row = p.AsSpan(i * n, n);
            Span<double> last = stackalloc double[Lanes];
            last.Clear();
            row[(n - (n % Lanes))..].CopyTo(last);
            for (int j = 0; j < padded; j += Lanes)
            {
                Vector256<double> dx = x - Vector256.Create(xs.AsSpan(j, Lanes)), dy = y - Vector256.Create(ys.AsSpan(j, Lanes));
                var w = one / Vector256.FusedMultiplyAdd(dx, dx, Vector256.FusedMultiplyAdd(dy, dy, one));
                var pw = Vector256.Create((ReadOnlySpan<double>)(j + Lanes <= n ? row.Slice(j, Lanes) : last)) * w;
                var ww = w * w;
                ax = Vector256.FusedMultiplyAdd(pw, dx, ax);
                ay = Vector256.FusedMultiplyAdd(pw, dy, ay);
                rx = Vector256.FusedMultiplyAdd(ww, dx, rx);
                ry = Vector256.FusedMultiplyAdd(ww, dy, ry);
                sum += w;
            }
            (attraction[2 * i], attraction[(2 * i) + 1]) = (MatrixProduct.Sum(ax), MatrixProduct.Sum(ay));
            (repulsion[2 * i], repulsion[(2 * i) + 1]) = (MatrixProduct.Sum(rx), MatrixProduct.Sum(ry));
            weights[i] = MatrixProduct.Sum(sum) - 1; // itself
        });
        double z = 0;
        foreach (double weight in weights) z += weight;
        var gradient = new double[2 * n];
        for (int i = 0; i < gradient.Length; i++) gradient[i] = 4 * ((exaggeration * attraction[i]) - (repulsion[i] / z));
        return gradient;
    }

    /// <summary>The map [n, 2] after <see cref="Steps"/> steps.</summary>
    /// <param name="p">From <see cref="Affinities"/>.</param>
    /// <param name="start">[n, 2]; mostly principal components, scaled to be tiny.</param>
    /// <param name="parallel">Threads, and cancellation.</param>
    /// <param name="progress">Told of steps done.</param>
    public static double[] Embed(double[] p, double[] start, ParallelOptions parallel, IProgress<int>? progress = null)
    {
        double[] map = (double[])start.Clone(), update = new double[map.Length], gains = new double[map.Length];
        double rate = Math.Max(map.Length / 2 / Exaggeration / 4, 50);
        for (int step = 0; step < Steps; step++)
        {
            parallel.CancellationToken.ThrowIfCancellationRequested();
            if (step is 0 or EarlySteps)
            {
                Array.Fill(gains, 1);
                Array.Clear(update);
            }
            bool early = step < EarlySteps;
            double[] gradient = Gradient(p, map, early ? Exaggeration : 1, parallel);
            for (int i = 0; i < map.Length; i++)
            {
                gains[i] = Math.Max(LeastGain, update[i] * gradient[i] < 0 ? gains[i] + 0.2 : gains[i] * 0.8);
                update[i] = ((early ? 0.5 : 0.8) * update[i]) - (rate * gains[i] * gradient[i]);
                map[i] += update[i];
            }
            progress?.Report(step + 1);
        }
        return map;
    }

    private static double Weight(double[] map, int i, int j)
    {
        double dx = map[2 * i] - map[2 * j], dy = map[(2 * i) + 1] - map[(2 * j) + 1];
        return 1 / (1 + (dx * dx) + (dy * dy));
    }
}
