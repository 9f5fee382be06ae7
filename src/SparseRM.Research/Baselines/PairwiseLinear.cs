namespace SparseRM.Research.Baselines;

/// <summary>What a linear probe minimises over the margins m_i = &lt;w, x_w - x_l&gt; of the pairs.</summary>
internal enum LinearLoss
{
    /// <summary>log(1 + exp(-m)): logistic regression on the differences, which is Bradley and Terry's model.</summary>
    Logistic,
    /// <summary>(1 - m)^2 / 2: ridge regression on the differences.</summary>
    Square,
}

/// <summary>Fits w: minimises mean_i loss(m_i) + lambda |w|^2 / 2, by Newton's method, each step solved by conjugate gradients. No intercept: it would cancel in a pair.</summary>
/// <param name="differences">[pairs, width]: x_w - x_l of each pair.</param>
/// <param name="width">Width of a row.</param>
internal sealed class PairwiseLinear(double[] differences, int width)
{
    private const int MostSteps = 30, MostHalvings = 30;
    private const double Tolerance = 1e-5, InnerTolerance = 1e-3;

    /// <summary>w [width].</summary>
    /// <param name="pairs">The pairs that take part.</param>
    /// <param name="loss">Which loss.</param>
    /// <param name="lambda">Above 0.</param>
    /// <param name="start">Where the search begins, or null for 0; the minimum is the same.</param>
    /// <param name="cancel">Checked at each step.</param>
    public double[] Solve(ReadOnlySpan<int> pairs, LinearLoss loss, double lambda, double[]? start, CancellationToken cancel)
    {
        var w = start is null ? new double[width] : (double[])start.Clone();
        double[] gradient = new double[width], curvature = new double[pairs.Length], trial = new double[width];
        double first = 0;
        for (int step = 0; step < MostSteps; step++)
        {
            cancel.ThrowIfCancellationRequested();
            double value = Derivatives(pairs, loss, lambda, w, gradient, curvature);
            double norm = Math.Sqrt(Vectors.Dot(gradient, gradient));
            if (step == 0) first = Math.Max(norm, 1);
            if (norm <= Tolerance * first) break;
            double[] direction = Descend(pairs, curvature, lambda, gradient, loss == LinearLoss.Square ? 1e-8 : InnerTolerance);
            double slope = Vectors.Dot(gradient, direction), length = 1;
            for (int halving = 0; halving < MostHalvings; halving++, length /= 2)
            {
                w.CopyTo(trial, 0);
                Vectors.AddScaled(trial, length, direction);
                if (Value(pairs, loss, lambda, trial) <= value + (1e-4 * length * slope)) break;
            }
            trial.CopyTo(w, 0);
        }
        return w;
    }

    /// <summary>How many pairs w orders rightly, and their mean loss.</summary>
    public (int Correct, double Loss) Judge(ReadOnlySpan<int> pairs, LinearLoss loss, double[] w)
    {
        int correct = 0;
        double sum = 0;
        foreach (int pair in pairs)
        {
            double margin = Vectors.Dot(Row(pair), w);
            if (margin > 0) correct++;
            sum += Of(loss, margin).Value;
        }
        return (correct, sum / Math.Max(1, pairs.Length));
    }

    private ReadOnlySpan<double> Row(int pair) => differences.AsSpan(pair * width, width);

    private double Value(ReadOnlySpan<int> pairs, LinearLoss loss, double lambda, double[] w)
    {
        double sum = 0;
        foreach (int pair in pairs) sum += Of(loss, Vectors.Dot(Row(pair), w)).Value;
        return (sum / pairs.Length) + (lambda / 2 * Vectors.Dot(w, w));
    }

    private double Derivatives(ReadOnlySpan<int> pairs, LinearLoss loss, double lambda, double[] w, double[] gradient, double[] curvature)
    {
        double sum = 0;
        for (int i = 0; i < width; i++) gradient[i] = lambda * w[i];
        for (int i = 0; i < pairs.Length; i++)
        {
            var (value, slope, bend) = Of(loss, Vectors.Dot(Row(pairs[i]), w));
            sum += value;
            curvature[i] = bend / pairs.Length;
            Vectors.AddScaled(gradient, slope / pairs.Length, Row(pairs[i]));
        }
        return (sum / pairs.Length) + (lambda / 2 * Vectors.Dot(w, w));
    }

    /// <summary>-(H + lambda)^-1 gradient with H = sum_i curvature_i d_i d_i^T, by conjugate gradients.</summary>
    private double[] Descend(ReadOnlySpan<int> pairs, double[] curvature, double lambda, double[] gradient, double tolerance)
    {
        double[] x = new double[width], residual = Array.ConvertAll(gradient, value => -value), p = (double[])residual.Clone(), product = new double[width];
        double square = Vectors.Dot(residual, residual), enough = square * tolerance * tolerance;
        for (int i = 0; i < 2 * width && square > enough; i++)
        {
            for (int j = 0; j < width; j++) product[j] = lambda * p[j];
            for (int n = 0; n < pairs.Length; n++)
                if (curvature[n] > 0) Vectors.AddScaled(product, curvature[n] * Vectors.Dot(Row(pairs[n]), p), Row(pairs[n]));
            double length = square / Vectors.Dot(p, product);
            Vectors.AddScaled(x, length, p);
            Vectors.AddScaled(residual, -length, product);
            double next = Vectors.Dot(residual, residual);
            for (int j = 0; j < width; j++) p[j] = residual[j] + (next / square * p[j]);
            square = next;
        }
        return x;
    }

    private static (double Value, double Slope, double Curvature) Of(LinearLoss loss, double margin)
    {
        if (loss == LinearLoss.Square) return ((1 - margin) * (1 - margin) / 2, margin - 1, 1);
        double small = Math.Exp(-Math.Abs(margin)), wrong = (margin >= 0 ? small : 1) / (1 + small);
        return (Math.Max(-margin, 0) + Math.Log(1 + small), -wrong, wrong * (1 - wrong));
    }
}
