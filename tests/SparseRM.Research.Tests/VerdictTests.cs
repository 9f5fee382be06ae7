using SparseRM.Research.Baselines;

namespace SparseRM.Research.Tests;

public class VerdictTests
{
    private static readonly Interval s_better = new(0.02, 0.01, 0.03), s_worse = new(-0.02, -0.03, -0.01), s_level = new(0.001, -0.01, 0.012);

    [Fact]
    public void Says_what_the_interval_says_and_no_more()
    {
        Assert.StartsWith("The directions beat the dense probe here: 98.0 % against 96.0 % (ridge probe) of 1,000 test pairs under the regime all, "
            + "a difference of +2.0 points (95 % interval +1.0 to +3.0).", Of(s_better));
        Assert.StartsWith("The dense probe beats the directions here:", Of(s_worse));
        Assert.StartsWith("That the directions beat the dense probe cannot be shown here:", Of(s_level));
    }

    [Fact]
    public void Names_the_other_regimes_in_which_there_is_a_difference()
    {
        Assert.EndsWith("; elsewhere they are ahead under 8-pairs (+2.0) and behind under shift (-2.0), and no other difference leaves out 0.",
            Of(s_level, ("8-pairs", s_better), ("shift", s_worse), ("noise-5", s_level)));
        Assert.EndsWith("; under no other regime is there a difference whose interval leaves out 0.", Of(s_better, ("shift", s_level)));
    }

    private static string Of(Interval here, params (string, Interval)[] rest) => Verdict.Of("all", "ridge probe", 0.98, 0.96, [("all", here), .. rest], 1000);
}
