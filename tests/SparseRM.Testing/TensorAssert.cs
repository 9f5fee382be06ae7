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

    /// <summary>|actual - expected| is at most <paramref name="bound"/>(i) for every element i; a NaN is never within.</summary>
    public static void Within(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, Func<int, double> bound)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - expected[i]), allowed = bound(i) + Tolerance.U * Math.Abs(expected[i]);
            if (!(difference <= allowed)) Assert.Fail($"element {i}: {actual[i]:R}, expected {expected[i]:R}; differs by {difference:E3}, allowed {allowed:E3}");
        }
    }

    /// <summary>The same bits everywhere.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToUInt32Bits(expected[i]) != BitConverter.SingleToUInt32Bits(actual[i]))
                Assert.Fail($"element {i}: {actual[i]:R}, expected the bits of {expected[i]:R}");
        }
    }
}
