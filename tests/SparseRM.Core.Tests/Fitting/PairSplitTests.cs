using CsCheck;
using SparseRM.Errors;
using SparseRM.Fitting;

namespace SparseRM.Core.Tests.Fitting;

public sealed class PairSplitTests
{
    private static readonly Gen<(string[] Groups, double Fraction, int Seed)> s_cases =
        Gen.Select(Gen.Int[0, 9].Select(i => $"prompt {i}").Array[1, 60], Gen.Double[0, 0.9], Gen.Int);

    [Fact]
    public void Held_out_pairs_share_no_group_with_the_others()
    {
        s_cases.Sample(c =>
        {
            var split = PairSplit.HeldOut(c.Groups.Length, c.Groups, c.Fraction, c.Seed);
            Assert.Equal(Enumerable.Range(0, c.Groups.Length), split.Training.Concat(split.HeldOutPairs).Order());
            Assert.Empty(split.Training.Select(pair => c.Groups[pair]).Intersect(split.HeldOutPairs.Select(pair => c.Groups[pair])));
            Assert.NotEmpty(split.Training);
        });
    }

    [Fact]
    public void Each_pair_is_held_out_in_one_fold_and_groups_stay_together()
    {
        s_cases.Sample(c =>
        {
            int folds = Math.Min(4, c.Groups.Distinct().Count());
            if (folds < 2) return;
            var splits = PairSplit.Folds(c.Groups.Length, c.Groups, folds, c.Seed);
            Assert.Equal(folds, splits.Count);
            Assert.Equal(Enumerable.Range(0, c.Groups.Length), splits.SelectMany(split => split.HeldOutPairs).Order());
            foreach (var split in splits)
            {
                Assert.Empty(split.Training.Select(pair => c.Groups[pair]).Intersect(split.HeldOutPairs.Select(pair => c.Groups[pair])));
                Assert.Equal(c.Groups.Length, split.Training.Length + split.HeldOutPairs.Length);
                Assert.NotEmpty(split.HeldOutPairs);
            }
        });
    }

    [Fact]
    public void Without_groups_a_tenth_of_the_pairs_is_held_out_and_the_seed_decides_which()
    {
        var split = PairSplit.HeldOut(1000, groups: null, 0.1, seed: 1);
        Assert.Equal(100, split.HeldOutPairs.Length);
        Assert.Equal(split.HeldOutPairs, PairSplit.HeldOut(1000, null, 0.1, 1).HeldOutPairs);
        Assert.NotEqual(split.HeldOutPairs, PairSplit.HeldOut(1000, null, 0.1, 2).HeldOutPairs);
        Assert.Equal([200, 200, 200, 200, 200], PairSplit.Folds(1000, null, 5, 1).Select(fold => fold.HeldOutPairs.Length));
    }

    [Theory]
    [InlineData(25, 3)] // 2.5
    [InlineData(35, 4)] // 3.5
    [InlineData(24, 2)] // 2.4
    [InlineData(26, 3)] // 2.6
    [InlineData(5, 1)] // 0.5
    [InlineData(4, 0)] // 0.4
    public void The_held_out_part_is_rounded_to_the_nearest_pair_and_a_half_upwards(int count, int heldOut)
        => Assert.Equal(heldOut, PairSplit.HeldOut(count, groups: null, 0.1, seed: 1).HeldOutPairs.Length);

    [Fact]
    public void One_group_is_all_trained_on()
        => Assert.Empty(PairSplit.HeldOut(5, ["a", "a", "a", "a", "a"], 0.5, 1).HeldOutPairs);

    [Fact]
    public void Refuses_folds_that_cannot_be()
    {
        Assert.Contains("at least 2", Assert.Throws<SparseRMException>(() => PairSplit.Folds(5, null, 1, 1)).Message);
        Assert.Contains("there are 2", Assert.Throws<SparseRMException>(() => PairSplit.Folds(3, ["a", "a", "b"], 3, 1)).Message);
        Assert.Throws<ArgumentException>(() => PairSplit.Folds(3, ["a"], 2, 1));
    }
}
