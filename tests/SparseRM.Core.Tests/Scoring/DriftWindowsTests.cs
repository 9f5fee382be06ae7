using SparseRM.Fitting;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>The statistics of <c>monitor</c> and of the server's audit.</summary>
public class DriftWindowsTests
{
    [Fact]
    public void Tails_are_those_of_the_distributions()
    {
        Assert.Equal(1.0 / 1024, Tails.Binomial(10, 0.5, 10), 1e-12);
        Assert.Equal(1, Tails.Binomial(256, 0.01, 0));
        // 1 - 0.99^256 by hand.
        Assert.Equal(0.923685, Tails.Binomial(256, 0.01, 1), 1e-6);
        // The exact two-sided bound of 0.001 is 3.2905; Mills' is above it, by little.
        Assert.InRange(Tails.NormalBound(0.001), 3.2905, 3.34);
    }

    [Fact]
    public void The_first_window_is_the_reference_where_none_is_given()
    {
        Assert.Empty(Filled(null, 40, 0).Report().Shifts);
        Assert.False(Filled(null, 80, 0).Report().IsShifted);
        var shifted = Filled(null, 80, 2).Report();
        Assert.True(shifted.IsShifted);
        Assert.Equal(("b", true), (shifted.Shifts[0].Name, shifted.Shifts[0].Shift > 5));
    }

    [Fact]
    public void A_reference_of_its_own_needs_no_first_window_and_may_be_of_any_size()
    {
        Assert.False(Filled(100, 40, 0).Report().IsShifted);
        Assert.True(Filled(100, 40, 2).Report().IsShifted);
    }

    [Fact]
    public void The_bound_on_a_shift_grows_with_the_numbers_that_are_watched()
    {
        // Values of -1 and 1 in turn, of which the first number's are moved by 3.7 standard errors: above the bound for one number, below that for fifty.
        Assert.InRange(3.7, Tails.NormalBound(DriftWindows.FalseAlarms), Tails.NormalBound(DriftWindows.FalseAlarms / 50));
        foreach (int count in new[] { 1, 50 })
        {
            var windows = new DriftWindows(Enumerable.Range(0, count).Select(i => $"{i}"), 100);
            float[] values = new float[count];
            for (int i = 0; i < 200; i++)
            {
                Array.Fill(values, i % 2 == 0 ? -1f : 1f);
                if (i >= 100) values[0] += 3.7f * MathF.Sqrt(2f / 100);
                windows.Add(values, null);
            }
            Assert.InRange(windows.Report().Shifts[0].Shift, 3.6, 3.75);
            Assert.Equal(count == 1, windows.Report().IsShifted);
        }
    }

    [Fact]
    public void More_unusual_answers_than_chance_gives_alarm()
    {
        var windows = new DriftWindows(["a"], 40);
        for (int i = 0; i < 40; i++) windows.Add([i], i < 5 ? 0.995 : 0.5);
        Assert.Equal((40, 5, true), (windows.Report().Inputs, windows.Report().Unusual, windows.Report().IsUnusual));
        var used = new DriftWindows(["a"], 40, chance: 0.1);
        for (int i = 0; i < 40; i++) used.Add([i], i < 5 ? 0.995 : 0.5);
        Assert.False(used.Report().IsUnusual);
    }

    /// <summary>Windows of 40 over two numbers; the second is moved by so much in the last 40.</summary>
    private static DriftWindows Filled(int? reference, int count, float moved)
    {
        var (windows, random) = (new DriftWindows(["a", "b"], 40), new SeededRandom(3));
        for (int i = 0; i < (reference ?? 0); i++) windows.Refer([(float)random.NextGaussian(), (float)random.NextGaussian()]);
        for (int i = 0; i < count; i++) windows.Add([(float)random.NextGaussian(), (float)random.NextGaussian() + (i >= count - 40 ? moved : 0)], null);
        return windows;
    }
}
