using SparseRM.Errors;

namespace SparseRM.Facade.Tests.Scoring;

public sealed class LifetimeTests(FittedReward fitted)
{
    // Threads that no other test asks for: nobody else has the model open so, and it is really loaded.
    private static readonly BackboneOptions s_own = World.Backbone with { Threads = 3 };

    [Fact]
    public void Refuses_to_score_after_dispose()
    {
        var scorer = fitted.Open();
        var sequence = scorer.Encode(fitted.Dialogues[0]);
        scorer.Dispose();
        scorer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => scorer.Score(fitted.Dialogues[0]));
        Assert.Throws<ObjectDisposedException>(() => scorer.Explain(fitted.Dialogues[0]));
        Assert.Throws<ObjectDisposedException>(() => scorer.Backbone.ReadLayers(sequence, [4]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_is_loaded_or_attached_after_dispose(bool othersGoOn)
    {
        using var other = othersGoOn ? fitted.Open() : null;
        var backbone = Backbone.Open(World.Backbone with { IsShared = othersGoOn });
        backbone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backbone.Load(1));
        Assert.Throws<ObjectDisposedException>(() => backbone.Attach(fitted.Path));
        Assert.Throws<ObjectDisposedException>(() => backbone.ReadStates([], 0));
    }

    [Fact]
    public void A_model_is_not_opened_from_the_progress_of_its_own_opening()
    {
        var options = World.Backbone with { MaxBatchTokens = 4093, Threads = 1 };
        var inner = new InnerOpening(options);
        using var backbone = Backbone.Open(options, 1, inner);
        Assert.Equal(ErrorKind.Usage, inner.Kind);
    }

    /// <summary>Opens the model that is being opened, and keeps what kind of refusal that gives.</summary>
    private sealed class InnerOpening(BackboneOptions options) : IProgress<int>
    {
        public ErrorKind? Kind { get; private set; }

        public void Report(int value)
        {
            if (Kind is null) Kind = Assert.ThrowsAny<SparseRMException>(() => Backbone.Open(options, 1).Dispose()).Kind;
        }
    }

    [Fact]
    public async Task Dispose_waits_for_calls_of_other_threads()
    {
        for (int round = 0; round < 3; round++) await DisposeWhileScoring(fitted.Open(), fitted.Scores);
    }

    [Fact]
    public void A_trainer_can_be_disposed_twice()
    {
        var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("test", 4));
        trainer.Dispose();
        trainer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => trainer.Fit(states, World.Fit));
        Assert.Throws<ObjectDisposedException>(() => trainer.ReadStates(World.Pairs("test", 1)));
    }

    [Fact]
    public void A_cancelled_token_stops_loading_and_scoring()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => RewardScorer.Open(fitted.Path, s_own, cancel: cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => RewardTrainer.Open(World.Trainer with { Backbone = s_own }, cancel: cancelled.Token));
        using var scorer = fitted.Open();
        Assert.ThrowsAny<OperationCanceledException>(() => scorer.ScoreGroup([new("user", "Why?")], ["So."], cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => scorer.Evaluate(World.Pairs("test", 4), cancel: cancelled.Token));
        Assert.Equal(fitted.Scores[1], scorer.Score(fitted.Dialogues[1]));
    }

    [Fact]
    public void Cancelling_between_blocks_stops_loading()
    {
        using var source = new CancellationTokenSource();
        int loaded = 0;
        var reports = new Reports(progress =>
        {
            loaded = (int)progress.Done;
            if (loaded == 2) source.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() => RewardScorer.Open(fitted.Path, s_own, null, reports, source.Token));
        Assert.Equal(2, loaded);
    }

    /// <summary>Three threads score until the scorer is gone: every score is right, and the end is an <see cref="ObjectDisposedException"/>.</summary>
    private async Task DisposeWhileScoring(RewardScorer scorer, float[] expected)
    {
        using var started = new CountdownEvent(3);
        var callers = Enumerable.Range(0, 3).Select(caller => Task.Run(() =>
        {
            bool first = true;
            for (int i = caller; ; i = (i + 1) % expected.Length)
            {
                Assert.Equal(expected[i], scorer.Score(fitted.Dialogues[i]));
                if (first) started.Signal();
                first = false;
            }
        })).ToArray();
        started.Wait();
        scorer.Dispose();
        foreach (var caller in callers) await Assert.ThrowsAsync<ObjectDisposedException>(() => caller);
    }
}
