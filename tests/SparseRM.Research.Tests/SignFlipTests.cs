using SparseRM.Research.Latents;

namespace SparseRM.Research.Tests;

public sealed class SignFlipTests
{
    /// <summary>Every pattern of signs, one by one.</summary>
    private static double ByCounting(int[] values, long observed)
    {
        int hits = 0, all = 1 << values.Length;
        for (int signs = 0; signs < all; signs++)
            if (Math.Abs(values.Select((value, i) => (signs >> i & 1) == 0 ? value : -value).Sum()) >= Math.Abs(observed)) hits++;
        return (double)hits / all;
    }

    [Theory]
    [InlineData(new[] { 1, 1, 1, 1, 1 })]
    [InlineData(new[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData(new[] { 2, 1, 3 })]
    [InlineData(new[] { 1, 1, 2, 2, 5, 1, 3, 1 })]
    [InlineData(new[] { 4 })]
    public void A_p_value_is_the_share_of_exchanges_that_are_as_extreme(int[] values)
    {
        int[] larger = [.. values.Where(value => value > 1)];
        for (int observed = -values.Sum(); observed <= values.Sum(); observed++)
        {
            if ((observed + values.Sum()) % 2 != 0) continue; // sums have the parity of all of them
            Assert.Equal(ByCounting(values, observed), SignFlip.P(values.Length - larger.Length, larger, observed), 12);
        }
    }

    [Fact]
    public void Many_differences_keep_their_digits()
    {
        Assert.Equal(2 * Math.Pow(2, -400), SignFlip.P(400, [], 400), Math.Pow(2, -400) * 1e-9);
        Assert.Equal(SignFlip.P(101, [], 31), SignFlip.P(101, [], -31));
        Assert.Equal(SignFlip.Least, SignFlip.P(2000, [], 2000));
        Assert.InRange(SignFlip.P(100_000, [], 600), 0.057, 0.059); // 600 / sqrt(100,000) = 1.897 deviations
    }

    // By hand: 4 * 0.01, 3 * 0.02, 2 * 0.03 and 0.9; none below the one before it, and none above 1.
    [Fact]
    public void Holm_s_values_stand_at_their_tests() => Assert.Equal([0.9, 0.04, 0.06, 0.06, 1, 1], [.. Round(SignFlip.Holm([0.9, 0.01, 0.02, 0.03])), .. Round(SignFlip.Holm([0.7, 0.8]))]);

    private static double[] Round(IEnumerable<double> values) => [.. values.Select(value => Math.Round(value, 12))];
}
