namespace SparseRM.Testing;

/// <summary>Comparisons of arrays that name the place of the first difference.</summary>
public static class TensorAssert
{
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
