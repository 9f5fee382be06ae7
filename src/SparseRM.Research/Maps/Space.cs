using SparseRM.Fitting;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Maps;

/// <summary>Points of one space, each column with mean 0 and deviation 1 (a column that does not vary is 0), and their distances.</summary>
internal sealed class Space
{
    private readonly float[] _values;

    /// <summary>Standardises.</summary>
    /// <param name="values">[n, width].</param>
    /// <param name="width">Width of a row.</param>
    /// <param name="parallel">Threads; they change no bit.</param>
    public Space(ReadOnlyMemory<float> values, int width, ParallelOptions parallel)
    {
        (Width, Count) = (width, values.Length / width);
        _values = Standardised(values.Span, width);
        var rows = new double[Count * width];
        for (int i = 0; i < rows.Length; i++) rows[i] = _values[i];
        Squared = new double[Count * Count];
        Parallel.For(0, Count, parallel, i =>
        {
            var difference = new double[width];
            for (int j = 0; j < Count; j++)
            {
                for (int k = 0; k < width; k++) difference[k] = rows[(i * width) + k] - rows[(j * width) + k];
                Squared[(i * Count) + j] = Vectors.Dot(difference, difference);
            }
        });
    }

    /// <summary>Width of a row.</summary>
    public int Width { get; }

    /// <summary>Number of points.</summary>
    public int Count { get; }

    /// <summary>[n, width].</summary>
    public ReadOnlyMemory<float> Values => _values;

    /// <summary>Squared Euclidean distances [n, n].</summary>
    public double[] Squared { get; }

    /// <summary>The two first principal components [n, 2], with the deviation of the first.</summary>
    public (double[] Map, double Deviation) Principal(int threads)
    {
        float[] directions = PrincipalComponents.Of(_values, Width, [.. Enumerable.Range(0, Count)], Math.Min(2, Width), threads);
        var map = new double[2 * Count];
        for (int i = 0; i < Count; i++)
        {
            for (int c = 0; c < directions.Length / Width; c++)
            {
                double sum = 0;
                for (int k = 0; k < Width; k++) sum = Math.FusedMultiplyAdd(_values[(i * Width) + k], directions[(c * Width) + k], sum);
                map[(2 * i) + c] = sum;
            }
        }
        double square = 0;
        for (int i = 0; i < Count; i++) square += map[2 * i] * map[2 * i];
        return (map, Math.Sqrt(square / Count));
    }

    private static float[] Standardised(ReadOnlySpan<float> values, int width)
    {
        int n = values.Length / width;
        double[] mean = new double[width], square = new double[width];
        for (int i = 0; i < n; i++)
        {
            for (int k = 0; k < width; k++)
            {
                double value = values[(i * width) + k], before = value - mean[k];
                mean[k] += before / (i + 1);
                square[k] += before * (value - mean[k]);
            }
        }
        var standard = new float[values.Length];
        for (int k = 0; k < width; k++)
        {
            double deviation = Math.Sqrt(square[k] / n);
            if (deviation <= InputScaling.NoiseToMean * Math.Abs(mean[k])) continue;
            for (int i = 0; i < n; i++) standard[(i * width) + k] = (float)((values[(i * width) + k] - mean[k]) / deviation);
        }
        return standard;
    }
}
