namespace SparseRM.Facade.Tests.Fitting;

public sealed class CrossValidationTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Scores_every_pair_once_with_a_head_that_did_not_see_it(bool byPrompt)
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 90));
        var done = new List<long>();
        var result = CrossValidation.Run(trainer, states, World.Fit, folds: 3, byPrompt, new Reports(progress => done.Add(progress.Done)));
        Assert.Equal([1, 2, 3], done);
        Assert.Equal(3, result.Folds.Count);
        Assert.Equal(90, result.Result.Pairs.Total);
        Assert.Equal((result.Result.Pairs.Correct, 90), (result.Folds.Sum(fold => fold.Correct), result.Folds.Sum(fold => fold.Total)));
        Assert.InRange(result.Result.Pairs.Accuracy, 0.85, 1);
    }

    [Fact]
    public void A_tie_is_not_counted_as_right()
    {
        // Every third pair prefers an answer to itself.
        var data = World.Pairs("train", 60);
        data = data with { Items = [.. data.Items.Select((item, i) => i % 3 == 0 ? item with { Rejected = item.Chosen } : item)] };
        using var trainer = RewardTrainer.Open(World.Trainer);
        var result = CrossValidation.Run(trainer, trainer.ReadStates(data), World.Fit, folds: 2, groupByPrompt: false);
        Assert.Equal(60, result.Folds.Sum(fold => fold.Total));
        Assert.InRange(result.Folds.Sum(fold => fold.Correct), 30, 40);
    }

    [Fact]
    public void Refuses_folds_that_cannot_be()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 4));
        World.Refuses(() => CrossValidation.Run(trainer, states, World.Fit, folds: 1, groupByPrompt: true), "1 folds", "at least 2");
        World.Refuses(() => CrossValidation.Run(trainer, states, World.Fit, folds: 5, groupByPrompt: true), "5 folds", "4");
    }

    [Fact]
    public void A_cancelled_token_stops_it()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 20));
        using var source = new CancellationTokenSource();
        var reports = new Reports(_ => source.Cancel());
        Assert.ThrowsAny<OperationCanceledException>(() => CrossValidation.Run(trainer, states, World.Fit, 3, true, reports, source.Token));
    }
}
