using System.Runtime.Intrinsics;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>Passes over an SAE's matrices, one row in memory at a time, sums in double; each pass also refuses NaN and infinities.</summary>
internal static class SaeFolding
{
    /// <summary><c>c_j = sum_i vector_i * W[i, j]</c> for W of [vector, outputs]; vector null only checks that all is finite and gives zeros.</summary>
    public static double[] Product(float[]? vector, WeightMatrix matrix, int inputs, int outputs)
    {
        var product = new double[outputs];
        matrix.Slice.ReadRows(matrix.IsTransposed ? inputs : outputs, (index, row) =>
        {
            if (vector is null) return;
            if (matrix.IsTransposed) product[index] = Dot(vector, row);
            else AddScaled(product, vector[index], row);
        });
        return product;
    }

    /// <summary>2-norms of the rows of a [rows, columns] matrix.</summary>
    public static double[] RowNorms(WeightMatrix matrix, int rows, int columns)
    {
        var norms = new double[rows];
        matrix.Slice.ReadRows(matrix.IsTransposed ? rows : columns, (index, row) =>
        {
            if (matrix.IsTransposed) AddSquares(norms, row);
            else norms[index] = Dot(row, row);
        });
        for (int i = 0; i < norms.Length; i++) norms[i] = Math.Sqrt(norms[i]);
        return norms;
    }

    /// <summary>Eight partial sums, one for each index modulo 8, so that every processor adds in the same order.</summary>
    private static double Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        var sums = Vector512<double>.Zero;
        int whole = x.Length & ~7;
        for (int i = 0; i < whole; i += 8) sums += Eight(x, i) * Eight(y, i);
        var four = sums.GetLower() + sums.GetUpper();
        var two = four.GetLower() + four.GetUpper();
        double sum = two[0] + two[1];
        for (int i = whole; i < x.Length; i++) sum += (double)x[i] * y[i];
        return sum;
    }

    private static void AddScaled(Span<double> sums, double factor, ReadOnlySpan<float> row)
    {
        int whole = row.Length & ~7;
        for (int j = 0; j < whole; j += 8) (Eight(sums, j) + factor * Eight(row, j)).CopyTo(sums[j..]);
        for (int j = whole; j < row.Length; j++) sums[j] += factor * row[j];
    }

    private static void AddSquares(Span<double> sums, ReadOnlySpan<float> row)
    {
        int whole = row.Length & ~7;
        for (int j = 0; j < whole; j += 8)
        {
            var values = Eight(row, j);
            (Eight(sums, j) + values * values).CopyTo(sums[j..]);
        }
        for (int j = whole; j < row.Length; j++) sums[j] += (double)row[j] * row[j];
    }

    private static Vector512<double> Eight(ReadOnlySpan<double> values, int start) => Vector512.Create(values.Slice(start, 8));

    private static Vector512<double> Eight(ReadOnlySpan<float> values, int start)
    {
        var (low, high) = Vector256.Widen(Vector256.Create(values.Slice(start, 8)));
        return Vector512.Create(low, high);
    }

    /// <summary>Refuses a direction of length 0 where the format divides by it.</summary>
    public static void RequirePositive(double[] norms, WeightMatrix decoder)
    {
        int zero = Array.FindIndex(norms, norm => norm == 0);
        if (zero >= 0) throw new ModelFormatException(decoder.Slice.Path, $"tensor \"{decoder.Slice.Name}\" has a direction of length 0 (latent {zero}), and this format divides by its length");
    }

    /// <summary>Each value rounded to single.</summary>
    public static float[] Singles(double[] values) => Array.ConvertAll(values, value => (float)value);
}
