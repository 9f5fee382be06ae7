using SparseRM.Fitting;

namespace SparseRM.Research.Baselines;

/// <summary>Principal components by subspace iteration on the covariance matrix; float64 in a fixed order.</summary>
internal static class PrincipalComponents
{
    private const int MostRounds = 60, BlockRows = 4096;
    private const double Tolerance = 1e-9;

    /// <summary>Unit directions [count, width] that together hold most of the variance of some rows.</summary>
    /// <param name="values">[n, width].</param>
    /// <param name="width">Width of a row.</param>
    /// <param name="rows">Which.</param>
    /// <param name="count">At most the width.</param>
    /// <param name="threads">Threads at most; changes no bit.</param>
    public static float[] Of(ReadOnlyMemory<float> values, int width, int[] rows, int count, int threads)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        int padded = MatrixProduct.Pad(width), kept = MatrixProduct.Pad(count);
        double[] covariance = Covariance(values, width, rows, padded, parallel);
        var basis = new double[kept * padded];
        var random = new SeededRandom(0, stream: -2000);
        for (int i = 0; i < count; i++)
            for (int j = 0; j < width; j++) basis[(i * padded) + j] = random.NextGaussian();
        Orthonormalise(basis, count, padded);
        var image = new double[kept * padded];
        double captured = 0;
        for (int round = 0; round < MostRounds; round++)
        {
            // Rows of the basis times the symmetric covariance.
            MatrixProduct.TimesTransposed(basis, covariance, image, kept, padded, padded, parallel);
            double now = 0;
            for (int i = 0; i < count; i++) now += Vectors.Dot(basis.AsSpan(i * padded, padded), image.AsSpan(i * padded, padded));
            (basis, image) = (image, basis);
            Orthonormalise(basis, count, padded);
            if (now - captured <= Tolerance * now) break;
            captured = now;
        }
        var directions = new float[count * width];
        for (int i = 0; i < count; i++)
            for (int j = 0; j < width; j++) directions[(i * width) + j] = (float)basis[(i * padded) + j];
        return directions;
    }

    private static double[] Covariance(ReadOnlyMemory<float> values, int width, int[] rows, int padded, ParallelOptions parallel)
    {
        int depth = MatrixProduct.Pad(Math.Min(BlockRows, rows.Length));
        var mean = new double[width];
        foreach (int row in rows)
        {
            var state = values.Span.Slice(row * width, width);
            for (int i = 0; i < width; i++) mean[i] += state[i];
        }
        for (int i = 0; i < width; i++) mean[i] /= rows.Length;
        double[] columns = new double[padded * depth], product = new double[padded * padded], sum = new double[padded * padded];
        foreach (int[] block in rows.Chunk(depth))
        {
            Array.Clear(columns);
            for (int r = 0; r < block.Length; r++)
            {
                var state = values.Span.Slice(block[r] * width, width);
                for (int i = 0; i < width; i++) columns[(i * depth) + r] = state[i] - mean[i];
            }
            MatrixProduct.TimesTransposed(columns, columns, product, padded, padded, depth, parallel);
            for (int i = 0; i < sum.Length; i++) sum[i] += product[i] / rows.Length;
        }
        return sum;
    }

    /// <summary>Gram and Schmidt, modified, each row twice; a row that depends on those before becomes 0.</summary>
    private static void Orthonormalise(double[] basis, int count, int width)
    {
        for (int i = 0; i < count; i++)
        {
            var row = basis.AsSpan(i * width, width);
            double before = Math.Sqrt(Vectors.Dot(row, row));
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < i; j++)
                {
                    ReadOnlySpan<double> other = basis.AsSpan(j * width, width);
                    Vectors.AddScaled(row, -Vectors.Dot(row, other), other);
                }
            }
            double norm = Math.Sqrt(Vectors.Dot(row, row));
            double scale = norm <= 1e-10 * before ? 0 : 1 / norm;
            for (int k = 0; k < width; k++) row[k] *= scale;
        }
    }
}
