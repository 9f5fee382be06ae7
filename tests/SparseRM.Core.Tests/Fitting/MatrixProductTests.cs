using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

/// <summary>The order of sums, which no width of vectors may change.</summary>
public class MatrixProductTests
{
    [Theory]
    [InlineData(4, 4, 4)]
    [InlineData(36, 68, 20)]
    [InlineData(40, 12, 1040)]
    [InlineData(12, 4, 516)]
    [InlineData(64, 228, 24)]
    public void Every_element_is_summed_in_four_lanes_whatever_the_vectors_hold(int rows, int columns, int depth)
    {
        var random = new SeededRandom(9);
        double[] a = Values(rows * depth), b = Values(columns * depth), c = new double[rows * columns];
        MatrixProduct.TimesTransposed(a, b, c, rows, columns, depth, new ParallelOptions { MaxDegreeOfParallelism = 2 });
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                Assert.Equal(Expected(a.AsSpan(i * depth, depth), b.AsSpan(j * depth, depth)), c[(i * columns) + j]);
        // The same columns, lying along the rows of another matrix, whose rows are named in any order; the last three of the depth are padding.
        int[] which = [.. Enumerable.Range(0, depth - 3).Select(k => ((k * 7) + 1) % (depth + 5))];
        double[] rowsOfB = Values((depth + 5) * columns), d = new double[rows * columns];
        MatrixProduct.TimesRows(a, rowsOfB, which, d, rows, columns, depth, new ParallelOptions { MaxDegreeOfParallelism = 2 });
        for (int j = 0; j < columns; j++)
        {
            double[] column = [.. which.Select(row => rowsOfB[(row * columns) + j]), 0, 0, 0];
            for (int i = 0; i < rows; i++) Assert.Equal(Expected(a.AsSpan(i * depth, depth), column), d[(i * columns) + j]);
        }

        double[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextGaussian())];
    }

    [Theory]
    [InlineData(3, 4, 4, 12, 16, 12, "3 rows, 4 columns and a depth of 4 are not all padded to multiples of 4")]
    [InlineData(4, 4, 8, 31, 32, 16, "a has 31 values; [4, 8] needs 32")]
    [InlineData(4, 4, 8, 32, 31, 16, "b has 31 values; [4, 8] needs 32")]
    [InlineData(4, 8, 4, 16, 32, 31, "c has 31 values; [4, 8] needs 32")]
    public void An_array_that_does_not_fit_is_named(int rows, int columns, int depth, int a, int b, int c, string said)
    {
        var error = Assert.Throws<ArgumentException>(() => MatrixProduct.TimesTransposed(new double[a], new double[b], new double[c], rows, columns, depth, new ParallelOptions()));
        Assert.Equal(said, error.Message);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2, 3, 0 }, "5 rows of b are named; the depth is 4")]
    [InlineData(new[] { 0, 4 }, "row 4 of b is named; its 16 values are 4 rows of 4")]
    [InlineData(new[] { -1 }, "row -1 of b is named; its 16 values are 4 rows of 4")]
    public void Rows_that_b_does_not_have_are_named(int[] which, string said)
    {
        var error = Assert.Throws<ArgumentException>(() => MatrixProduct.TimesRows(new double[16], new double[16], which, new double[16], 4, 4, 4, new ParallelOptions()));
        Assert.Equal(said, error.Message);
    }

    /// <summary>Runs of 512, each in four lanes of fused multiply-adds that are added pairwise.</summary>
    private static double Expected(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        double total = 0;
        Span<double> lanes = stackalloc double[4];
        for (int start = 0; start < a.Length; start += 512)
        {
            lanes.Clear();
            for (int k = start; k < Math.Min(start + 512, a.Length); k++) lanes[k % 4] = Math.FusedMultiplyAdd(a[k], b[k], lanes[k % 4]);
            total += (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        }
        return total;
    }
}
