namespace SparseRM.Testing;

/// <summary>Comparisons that name the numbers when they fail.</summary>
public static class TensorAssert
{
    /// <summary>‖actual - expected‖₂ / ‖expected‖₂ in float64.</summary>
    public static double RelativeError(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = 0, size = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double d = (double)actual[i] - expected[i];
            difference += d * d;
            size += (double)expected[i] * expected[i];
        }
        return Math.Sqrt(difference / Math.Max(size, double.Epsilon));
    }

    /// <summary>Fails when the relative 2-norm of the difference exceeds the bound, or is not a number.</summary>
    public static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double bound, string what)
    {
        double error = RelativeError(expected, actual);
        Assert.True(error <= bound, $"{what}: relative 2-norm error {error:E2}, bound {bound:E1}");
    }
}
