using SparseRM.Benchmarking.Ab;
using SparseRM.Fitting;

namespace SparseRM.Facade.Tests.Benchmarking;

/// <summary>When two kernels count as different.</summary>
public class PairedComparisonTests
{
    /// <summary>Ratios of rounds around a true one, with a noise of so many percent and one round in ten that something disturbed.</summary>
    private static PairedComparison Rounds(long seed, int count, double ratio, double noise)
    {
        var random = new SeededRandom(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return new PairedComparison([.. Enumerable.Range(0, count).Select(i => ratio * (1 + noise * Normal()) * (i % 10 == 3 ? 1.5 : 1))]);
    }

    [Fact]
    public void A_variant_compared_with_itself_is_never_faster_or_slower()
    {
        for (int seed = 0; seed < 200; seed++)
            Assert.Contains(Rounds(seed, 20 + seed, 1, 0.02).Verdict, new[] { Verdict.Same, Verdict.Undecided });
        Assert.Equal(Verdict.Same, Rounds(1, 200, 1, 0.005).Verdict);
    }

    [Theory]
    [InlineData(0.95, Verdict.Faster)]
    [InlineData(1.05, Verdict.Slower)]
    [InlineData(0.998, Verdict.Same)]
    public void Enough_rounds_tell_what_is_true(double ratio, Verdict verdict)
    {
        for (int seed = 0; seed < 50; seed++) Assert.Equal(verdict, Rounds(seed, 200, ratio, 0.01).Verdict);
    }

    [Fact]
    public void Few_rounds_say_nothing_whatever_they_are()
    {
        var few = new PairedComparison([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
        Assert.Equal((Verdict.Undecided, 0, double.PositiveInfinity), (few.Verdict, few.Interval.Low, few.Interval.High));
        Assert.Equal(Verdict.Faster, new PairedComparison([.. few.Ratios, 0.5]).Verdict);
        Assert.Equal(Verdict.Undecided, new PairedComparison([]).Verdict);
    }

    [Fact]
    public void The_interval_has_the_ranks_of_the_sign_test()
    {
        // Tables of the sign test (Conover 1999): 20 rounds enclose the median between the 4th and the 17th with 99 %.
        var twenty = new PairedComparison([.. Enumerable.Range(1, 20).Select(i => (double)i)]);
        Assert.Equal((4, 17), twenty.Interval);
        Assert.Equal(10.5, twenty.Ratio);
    }
}
