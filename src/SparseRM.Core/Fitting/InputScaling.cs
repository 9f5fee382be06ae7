using System.Runtime.Intrinsics;

namespace SparseRM.Fitting;

/// <summary>Standardisation of the head's inputs: (v - mean) / deviation, column by column; a column without variance becomes 0.</summary>
/// <remarks>
/// A latent that is never active in the training pairs has a deviation of 0 (or of rounding noise); dividing by it would turn one unusual test value into
/// 10^6 and ruin the score. Such a column is left out: its inverse deviation is 0.
/// </remarks>
internal sealed class InputScaling
{
    /// <summary>Deviations below this share of the column's mean are rounding noise of float32 (2^-24 = 6e-8 per operation).</summary>
    public const double NoiseToMean = 1e-6;

    /// <summary>Deviations below this share of the widest column's deviation carry nothing.</summary>
    public const double NoiseToWidest = 1e-7;

    private readonly double[] _mean, _inverseDeviation;

    private InputScaling(double[] mean, double[] inverseDeviation) => (_mean, _inverseDeviation) = (mean, inverseDeviation);

    /// <summary>[in]: mean of the rows.</summary>
    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>[in]: 1 / population deviation, 0 for a column that is left out.</summary>
    public ReadOnlySpan<double> InverseDeviation => _inverseDeviation;

    /// <summary>Columns left out, ascending.</summary>
    public IReadOnlyList<int> LeftOut => [.. Enumerable.Range(0, _mean.Length).Where(i => _inverseDeviation[i] == 0)];

    /// <summary>Of the chosen and rejected rows of the given pairs; sums in float64, two passes.</summary>
    public static InputScaling Of(PairInputs inputs, ReadOnlySpan<int> pairs)
    {
        int width = inputs.InputCount, rows = 2 * pairs.Length;
        var mean = new double[width];
        var square = new double[width];
        foreach (int pair in pairs)
        {
            ReadOnlySpan<float> chosen = inputs.Chosen(pair), rejected = inputs.Rejected(pair);
            for (int i = 0; i < width; i++) mean[i] += (double)chosen[i] + rejected[i];
        }
        for (int i = 0; i < width; i++) mean[i] /= rows;
        foreach (int pair in pairs)
        {
            ReadOnlySpan<float> chosen = inputs.Chosen(pair), rejected = inputs.Rejected(pair);
            for (int i = 0; i < width; i++)
            {
                double c = chosen[i] - mean[i], r = rejected[i] - mean[i];
                square[i] += (c * c) + (r * r);
            }
        }
        var deviation = square.Select(sum => Math.Sqrt(sum / rows)).ToArray();
        double widest = deviation.Max();
        var inverse = new double[width];
        for (int i = 0; i < width; i++)
        {
            bool noise = deviation[i] <= NoiseToMean * Math.Abs(mean[i]) || deviation[i] <= NoiseToWidest * widest;
            inverse[i] = noise ? 0 : 1 / deviation[i];
        }
        return new InputScaling(mean, inverse);
    }

    /// <summary>The mean in float32.</summary>
    public float[] MeanInput() => [.. _mean.Select(mean => (float)mean)];

    /// <summary>No change: mean 0, deviation 1.</summary>
    public static InputScaling Identity(int width) => new(new double[width], [.. Enumerable.Repeat(1.0, width)]);

    /// <summary>target[i] = (row[i] - mean[i]) / deviation[i]; target may be longer than the row.</summary>
    public void Apply(ReadOnlySpan<float> row, Span<double> target)
    {
        int whole = row.Length - (row.Length % 4);
        for (int i = 0; i < whole; i += 4)
        {
            var four = Vector128.Create(row.Slice(i, 4));
            var wide = Vector256.Create(Vector128.WidenLower(four), Vector128.WidenUpper(four));
            ((wide - Vector256.Create(_mean, i)) * Vector256.Create(_inverseDeviation, i)).CopyTo(target.Slice(i, 4));
        }
        for (int i = whole; i < row.Length; i++) target[i] = (row[i] - _mean[i]) * _inverseDeviation[i];
    }
}
