namespace SparseRM.Fitting;

/// <summary>Covariance of standardised inputs, shrunk towards a multiple of the identity: (1 - w) S + w (tr S / p) I.</summary>
/// <remarks>
/// w = min(b^2, d^2) / d^2 with d^2 = |S - (tr S / p) I|^2 and b^2 = (sum_r |x_r|^4 / n - |S|^2) / n over the n rows (Frobenius norms): the weight that errs least
/// from the true covariance as n and p grow. Source: Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".
/// </remarks>
internal sealed class ShrunkCovariance
{
    private const int BlockRows = 4096;
    private readonly int _width;
    private readonly double[] _values;

    private ShrunkCovariance(int width, double[] values, double shrinkage) => (_width, _values, Shrinkage) = (width, values, shrinkage);

    /// <summary>w.</summary>
    public double Shrinkage { get; }

    /// <summary>[p, p].</summary>
    public ReadOnlySpan<double> Values => _values;

    /// <summary>Of the chosen and rejected rows of some pairs.</summary>
    /// <param name="inputs">Rows.</param>
    /// <param name="pairs">Which.</param>
    /// <param name="scaling">Their standardisation.</param>
    /// <param name="columns">The columns that take part: p of them.</param>
    /// <param name="least">w at least.</param>
    /// <param name="threads">Threads at most; changes no bit.</param>
    public static ShrunkCovariance Of(PairInputs inputs, int[] pairs, InputScaling scaling, int[] columns, double least, int threads)
    {
        int p = columns.Length, padded = MatrixProduct.Pad(p), rows = 2 * pairs.Length;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        int depth = MatrixProduct.Pad(Math.Min(BlockRows, rows));
        double[] x = new double[padded * depth], product = new double[padded * padded], sum = new double[padded * padded];
        double fourth = 0;
        for (int start = 0; start < rows; start += depth)
        {
            Array.Clear(x);
            for (int r = 0; r < Math.Min(depth, rows - start); r++)
            {
                int pair = pairs[(start + r) / 2];
                var row = (start + r) % 2 == 0 ? inputs.Chosen(pair) : inputs.Rejected(pair);
                double square = 0;
                for (int i = 0; i < p; i++)
                {
                    int column = columns[i];
                    double value = (row[column] - scaling.Mean[column]) * scaling.InverseDeviation[column];
                    x[(i * depth) + r] = value;
                    square += value * value;
                }
                fourth += square * square;
            }
            MatrixProduct.TimesTransposed(x, x, product, padded, padded, depth, parallel);
            for (int i = 0; i < sum.Length; i++) sum[i] += product[i];
        }
        var values = new double[p * p];
        for (int i = 0; i < p; i++)
            for (int j = 0; j < p; j++) values[(i * p) + j] = sum[(i * padded) + j] / rows;
        return Shrunk(values, p, rows, fourth, least);
    }

    /// <summary>The inverse of the lower Cholesky factor, [p, p]: its square is the inverse of the covariance.</summary>
    public double[] InverseRoot()
    {
        int p = _width;
        var factor = new double[p * p];
        for (int i = 0; i < p; i++)
        {
            var row = factor.AsSpan(i * p, i + 1);
            for (int j = 0; j < i; j++) row[j] = (_values[(i * p) + j] - Dot(row[..j], factor.AsSpan(j * p, j))) / factor[(j * p) + j];
            row[i] = Math.Sqrt(_values[(i * p) + i] - Dot(row[..i], row[..i]));
        }
        // Row i of the inverse: (e_i - sum_{k < i} factor[i, k] inverse[k]) / factor[i, i].
        var inverse = new double[p * p];
        for (int i = 0; i < p; i++)
        {
            var row = inverse.AsSpan(i * p, i + 1);
            for (int k = 0; k < i; k++)
            {
                double weight = factor[(i * p) + k];
                var above = inverse.AsSpan(k * p, k + 1);
                for (int j = 0; j <= k; j++) row[j] -= weight * above[j];
            }
            row[i] = 1;
            for (int j = 0; j <= i; j++) row[j] /= factor[(i * p) + i];
        }
        return inverse;
    }

    private static ShrunkCovariance Shrunk(double[] values, int p, int rows, double fourth, double least)
    {
        double trace = 0, square = 0;
        for (int i = 0; i < p; i++) trace += values[(i * p) + i];
        foreach (double value in values) square += value * value;
        double target = p == 0 ? 1 : trace / p, distance = square - (p * target * target);
        double noise = ((fourth / rows) - square) / rows;
        double shrinkage = distance <= 0 ? 1 : Math.Clamp(noise / distance, least, 1);
        for (int i = 0; i < values.Length; i++) values[i] *= 1 - shrinkage;
        for (int i = 0; i < p; i++) values[(i * p) + i] += shrinkage * target;
        return new ShrunkCovariance(p, values, shrinkage);
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}
