using SparseRM.Benchmarking.Ab;
using SparseRM.Fitting;

namespace SparseRM.Facade.Tests.Benchmarking;

/// <summary>When two kernels count as different.</summary>
public class PairedComparisonTests
{
    private const int Placements = 6;

    /// <summary>
    /// Ratios of rounds around a true one, with a noise of so many percent and one round in ten that something disturbed; each pair of processes has
    /// an advantage of its own, which stays.
    /// </summary>
    private static PairedComparison Rounds(long seed, int count, double ratio, double noise, double ofPlacements = 0)
    {
        var random = new SeededRandom(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return new PairedComparison([.. Enumerable.Range(0, Placements).Select(_ =>
        {
            double here = ratio * (1 + ofPlacements * Normal());
            return (double[])[.. Enumerable.Range(0, count / Placements).Select(i => here * (1 + noise * Normal()) * (i % 10 == 3 ? 1.5 : 1))];
        })]);
    }

    private static bool IsDifferent(PairedComparison comparison) => comparison.Verdict is Verdict.Faster or Verdict.Slower;

    [Fact]
    public void A_variant_compared_with_itself_is_never_faster_or_slower()
    {
        for (int seed = 0; seed < 200; seed++) Assert.False(IsDifferent(Rounds(seed, 20 + seed, 1, 0.02)));
        Assert.Equal(Verdict.Same, Rounds(1, 240, 1, 0.005).Verdict);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.03)]
    [InlineData(0.1)]
    public void Where_each_pair_of_processes_favours_one_side_no_more_verdicts_are_wrong_than_the_confidence_allows(double ofPlacements) =>
        Assert.InRange(Enumerable.Range(0, 1000).Count(seed => IsDifferent(Rounds(seed, 180, 1, 0.005, ofPlacements))), 0, 10);

    [Theory]
    [InlineData(0.95, Verdict.Faster)]
    [InlineData(1.05, Verdict.Slower)]
    [InlineData(0.998, Verdict.Same)]
    public void Enough_rounds_tell_what_is_true(double ratio, Verdict verdict)
    {
        for (int seed = 0; seed < 50; seed++) Assert.Equal(verdict, Rounds(seed, 240, ratio, 0.005, 0.001).Verdict);
    }

    [Fact]
    public void Few_rounds_say_nothing_whatever_they_are()
    {
        var few = new PairedComparison([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]);
        Assert.Equal((Verdict.Undecided, 0, double.PositiveInfinity), (few.Verdict, few.Interval.Low, few.Interval.High));
        Assert.Equal(Verdict.Faster, new PairedComparison([.. few.Placements, [0.5]]).Verdict);
        Assert.Equal(Verdict.Undecided, new PairedComparison([]).Verdict);
        Assert.Equal(Verdict.Undecided, new PairedComparison([[.. Enumerable.Repeat(0.5, 100)]]).Verdict);
    }

    [Fact]
    public void The_interval_has_the_ranks_of_the_sign_test()
    {
        // Tables of the sign test (Conover 1999): 20 rounds enclose the median between the 4th and the 17th with 99 %.
        var twenty = new PairedComparison([[.. Enumerable.Range(1, 20).Select(i => (double)i)]]);
        Assert.Equal((4, 17), twenty.IntervalOfRounds);
        Assert.Equal(10.5, twenty.Ratio);
    }

    [Theory]
    [InlineData(2, 63.657)]
    [InlineData(3, 9.925)]
    [InlineData(4, 5.841)]
    [InlineData(6, 4.032)]
    [InlineData(9, 3.355)]
    public void The_interval_of_placements_is_Students(int placements, double t)
    {
        // Tables of Student's t (Abramowitz and Stegun 1964, 26.10): 99 %, two-sided. The logarithms are -1, 1, -1, 1 and so on.
        var comparison = new PairedComparison([.. Enumerable.Range(0, placements).Select(i => (double[])[Math.Exp(i % 2 * 2 - 1)])]);
        double[] logs = [.. Enumerable.Range(0, placements).Select(i => i % 2 * 2.0 - 1)];
        double mean = logs.Average(), deviation = Math.Sqrt(logs.Sum(log => (log - mean) * (log - mean)) / (placements - 1));
        Assert.Equal(mean + t * deviation / Math.Sqrt(placements), Math.Log(comparison.IntervalOfPlacements.High), 0.001 * t);
        Assert.Equal(mean - t * deviation / Math.Sqrt(placements), Math.Log(comparison.IntervalOfPlacements.Low), 0.001 * t);
    }
}
