using SparseRM.Research.Baselines;

namespace SparseRM.Research.Tests;

public class PairedBootstrapTests
{
    private static readonly string[] s_prompts = [.. Enumerable.Range(0, 100).Select(i => $"{i}")];

    [Fact]
    public void An_interval_holds_its_accuracy_and_is_never_without_width()
    {
        var bootstrap = new PairedBootstrap(s_prompts, 1, 1);
        var all = bootstrap.Accuracy(Right(_ => true));
        Assert.Equal((1.0, 1.0), (all.Value, all.High));
        Assert.Equal(1 / (1 + (1.959963984540054 * 1.959963984540054 / 100)), all.Low, 9); // Wilson at 100 of 100
        var some = bootstrap.Accuracy(Right(i => i % 4 != 0));
        Assert.Equal(0.75, some.Value);
        Assert.InRange(some.Low, 0.64, 0.68);
        Assert.InRange(some.High, 0.80, 0.85);
    }

    [Fact]
    public void A_difference_is_paired()
    {
        var bootstrap = new PairedBootstrap(s_prompts, 1, 1);
        PairOutcomes first = Right(i => i % 2 == 0), second = Right(i => i % 2 == 0 && i != 0), other = Right(i => i % 2 == 1);
        Assert.Equal(new Interval(0, 0, 0), bootstrap.Difference(first, first));
        var near = bootstrap.Difference(first, second);
        Assert.Equal(0.01, near.Value, 12);
        Assert.InRange(near.High - near.Low, 0.005, 0.05);
        // As accurate but on other pairs: far wider than two accuracies' own chance.
        Assert.InRange(bootstrap.Difference(first, other) is var far ? far.High - far.Low : 0, 0.3, 0.5);
    }

    [Fact]
    public void Pairs_of_one_prompt_are_drawn_together()
    {
        string[] ten = [.. Enumerable.Range(0, 100).Select(i => $"{i / 10}")];
        var outcomes = Right(i => i < 50);
        var apart = new PairedBootstrap(s_prompts, 1, 1).Accuracy(outcomes);
        var together = new PairedBootstrap(ten, 1, 1).Accuracy(outcomes);
        Assert.True(together.High - together.Low > 2 * (apart.High - apart.Low));
    }

    [Fact]
    public void Draws_that_disagree_widen_the_interval()
    {
        var agree = new PairedBootstrap(s_prompts, 2, 1).Accuracy(new PairOutcomes([One(i => i % 2 == 0), One(i => i % 2 == 0)]));
        var disagree = new PairedBootstrap(s_prompts, 2, 1).Accuracy(new PairOutcomes([One(_ => true), One(_ => false)]));
        Assert.Equal(agree.Value, disagree.Value);
        Assert.Equal((0.0, 1.0), (disagree.Low, disagree.High));
        Assert.True(agree.High - agree.Low < 0.25);
    }

    private static bool[] One(Func<int, bool> right) => [.. Enumerable.Range(0, 100).Select(right)];

    private static PairOutcomes Right(Func<int, bool> right) => new([One(right)]);
}
