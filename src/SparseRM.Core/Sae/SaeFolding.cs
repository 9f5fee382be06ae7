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
            if (matrix.IsTransposed)
            {
                double sum = 0;
                for (int i = 0; i < row.Length; i++) sum += (double)vector[i] * row[i];
                product[index] = sum;
            }
            else
            {
                double factor = vector[index];
                for (int j = 0; j < row.Length; j++) product[j] += factor * row[j];
            }
        });
        return product;
    }

    /// <summary>2-norms of the rows of a [rows, columns] matrix.</summary>
    public static double[] RowNorms(WeightMatrix matrix, int rows, int columns)
    {
        var norms = new double[rows];
        matrix.Slice.ReadRows(matrix.IsTransposed ? rows : columns, (index, row) =>
        {
            if (matrix.IsTransposed)
            {
                for (int j = 0; j < row.Length; j++) norms[j] += (double)row[j] * row[j];
            }
            else
            {
                double sum = 0;
                foreach (float value in row) sum += (double)value * value;
                norms[index] = sum;
            }
        });
        for (int i = 0; i < norms.Length; i++) norms[i] = Math.Sqrt(norms[i]);
        return norms;
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
