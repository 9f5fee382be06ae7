using SparseRM.Research.Baselines;

namespace SparseRM.Research.Tests;

public class TrainingPairsTests(World world)
{
    [Fact]
    public void Noise_exchanges_that_share_and_nothing_else()
    {
        var pairs = TrainingPairs.Of(world.Answers("train", 40));
        var noisy = pairs.Noisy(0.2, 7);
        var changed = Enumerable.Range(0, 40).Where(i => noisy.Pairs[i] != pairs.Pairs[i]).ToArray();
        Assert.Equal(8, changed.Length);
        Assert.All(changed, i => Assert.Equal((pairs.Pairs[i].Rejected, pairs.Pairs[i].Chosen), (noisy.Pairs[i].Chosen, noisy.Pairs[i].Rejected)));
        Assert.Equal(noisy.Pairs, pairs.Noisy(0.2, 7).Pairs);
        Assert.NotEqual(noisy.Pairs, pairs.Noisy(0.2, 8).Pairs);
    }

    [Fact]
    public void Imbalance_has_one_preferred_answer_for_ten_others_and_no_prompt_in_two_groups()
    {
        var pairs = TrainingPairs.Of(world.Answers("train", 45));
        var few = pairs.Imbalanced(3);
        Assert.Equal(40, few.Pairs.Length);
        Assert.Equal(4, few.Pairs.Select(pair => pair.Chosen).Distinct().Count());
        Assert.Equal(40, few.Pairs.Select(pair => pair.Rejected).Distinct().Count());
        Assert.All(few.Pairs.Zip(few.Groups).GroupBy(pair => pair.Second), block => Assert.Single(block.Select(pair => pair.First.Chosen).Distinct()));
    }

    [Fact]
    public void Scarcity_takes_that_many_in_the_order_of_the_data()
    {
        var pairs = TrainingPairs.Of(world.Answers("train", 40));
        var few = pairs.Scarce(8, 1);
        Assert.Equal(8, few.Pairs.Length);
        Assert.Equal(few.Pairs.OrderBy(pair => pair.Chosen), few.Pairs);
        Assert.All(few.Pairs.Zip(few.Groups), pair => Assert.Equal(pairs.Groups[Array.IndexOf(pairs.Pairs, pair.First)], pair.Second));
    }
}
