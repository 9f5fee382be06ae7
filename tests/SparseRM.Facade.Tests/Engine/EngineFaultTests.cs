using SparseRM.Engine;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>What goes wrong beside the pass costs its own requests and nobody else's; nothing waits for what will not come.</summary>
public sealed class EngineFaultTests(TinyReward tiny)
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(8), s_never = TimeSpan.FromSeconds(30);

    /// <summary>A request that throws where no request should.</summary>
    private sealed class Faulty(bool inQueue) : ForwardRequest([new TokenSequence(new[] { 1, 2 }, ReadOut.At(1))], [0])
    {
        public override int[] Layers => inQueue ? throw new InvalidDataException("layers") : [1];

        public override object Consumer => this;

        public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts) => throw new InvalidDataException("consume");

        public override void Fail(int index, Exception error) => throw new InvalidDataException("fail");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_fault_outside_the_pass_fails_its_request_and_leaves_the_backend_free(bool inQueue)
    {
        using var world = new Alone(tiny, "gemma2");
        var engine = world.Backbone.Engine;
        for (int round = 0; round < 2; round++)
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => Task.Run(() => engine.Run(new Faulty(inQueue))).WaitAsync(s_soon));
            await Assert.ThrowsAsync<InvalidDataException>(() => engine.RunAsync(null, false, default, new Faulty(inQueue)).WaitAsync(s_soon));
            Assert.Equal(world.Of([3, 4, 5]), await Task.Run(() => world.Scorer.ScoreIds([3, 4, 5])).WaitAsync(s_soon));
        }
        Assert.Equal(0, world.Backbone.Counts.WaitingRequests);
    }

    [Fact]
    public async Task Gathering_ends_when_what_waited_is_withdrawn_or_all_is_closed()
    {
        var world = new Alone(tiny, "gemma2", options: World.Backbone with { Queue = new QueueOptions { GatherWait = s_never } });
        var engine = world.Backbone.Engine;
        Task<IReadOnlyList<ScoreResult>>[] two;
        using (engine.Hold()) two = [.. Enumerable.Range(0, 2).Select(i => world.Scorer.ScoreAllAsync([world.Input([1, 2, i])]))];
        await Task.WhenAll(two);
        // The engine waits for a second one now.
        using var source = new CancellationTokenSource();
        var withdrawn = world.Scorer.ScoreAllAsync([world.Input([5, 6])], null, source.Token);
        await Until(() => engine.IsBusy);
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => withdrawn);
        await Until(() => !engine.IsBusy);
        var closed = world.Scorer.ScoreAllAsync([world.Input([7, 8])]);
        await Until(() => engine.IsBusy);
        await Task.Run(engine.Dispose).WaitAsync(s_soon);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => closed);
    }

    private static async Task Until(Func<bool> holds)
    {
        using var soon = new CancellationTokenSource(s_soon);
        while (!holds()) await Task.Delay(2, soon.Token);
    }

    [Fact]
    public async Task Other_work_does_not_wait_until_gathering_ends()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { Queue = new QueueOptions { GatherWait = s_never } });
        var engine = world.Backbone.Engine;
        Task<IReadOnlyList<ScoreResult>>[] two;
        using (engine.Hold()) two = [.. Enumerable.Range(0, 2).Select(i => world.Scorer.ScoreAllAsync([world.Input([1, 2, i])]))];
        await Task.WhenAll(two);
        var third = world.Scorer.ScoreAllAsync([world.Input([5, 6])]);
        await Until(() => engine.IsBusy);
        await Task.Run(() => engine.Use(() => { })).WaitAsync(s_soon);
        Assert.Equal(world.Of([5, 6]), (await third.WaitAsync(s_soon))[0].Score);
    }

    [Fact]
    public async Task Another_queue_before_the_model_does_not_wait_until_gathering_ends()
    {
        using var patient = tiny.Backbone("qwen2", World.Backbone with { Queue = new QueueOptions { GatherWait = s_never } });
        using var other = tiny.Backbone("qwen2");
        Assert.Same(patient.Model, other.Model);
        var texts = Enumerable.Range(0, 3).Select(i => new TokenSequence(new[] { 1, 2, i }, ReadOut.At(2))).ToArray();
        Task Read(Backbone backbone, int i) => backbone.Engine.RunAsync(null, false, default, StatesRequest.Of([texts[i]], 1, (_, _) => { }));
        Task[] two;
        using (patient.Engine.Hold()) two = [Read(patient, 0), Read(patient, 1)];
        await Task.WhenAll(two);
        var third = Read(patient, 2);
        await Until(() => patient.Engine.IsBusy);
        await Read(other, 0).WaitAsync(s_soon);
        await third.WaitAsync(s_soon);
    }

    [Fact]
    public async Task Counts_tell_of_what_was_done_and_not_of_what_failed_or_is_about_to_be()
    {
        using var world = new Alone(tiny, "gemma2");
        var engine = world.Backbone.Engine;
        var before = world.Backbone.Counts;
        long during = -1;
        engine.Run(StatesRequest.Of([new(new[] { 1, 2 }, ReadOut.At(1))], 1, (_, _) => during = world.Backbone.Counts.Sequences));
        Assert.Equal(before.Sequences, during);
        Assert.Equal(before.Sequences + 1, world.Backbone.Counts.Sequences);
        await Assert.ThrowsAsync<InvalidDataException>(() => engine.RunAsync(null, false, default,
            StatesRequest.Of([new(new[] { 1, 2 }, ReadOut.At(1))], 1, (_, _) => throw new InvalidDataException())));
        Assert.Equal(before.Sequences + 1, world.Backbone.Counts.Sequences);
    }

    [Fact]
    public async Task A_sessions_score_is_there_while_the_next_batch_runs()
    {
        using var world = new Alone(tiny, "gemma2");
        var engine = world.Backbone.Engine;
        using var session = world.Scorer.OpenSession([1, 2, 3]);
        using var end = new ManualResetEventSlim();
        Task<float> score;
        Task next;
        using (engine.Hold())
        {
            score = session.ScoreAsync();
            // At another layer: no batch serves both.
            next = engine.RunAsync(null, false, default, StatesRequest.Of([new(new[] { 9, 9 }, ReadOut.At(1))], 0, (_, _) => end.Wait()));
        }
        try
        {
            Assert.Equal(world.Of([1, 2, 3]), await score.WaitAsync(s_soon));
            session.Append(4);
        }
        finally
        {
            end.Set();
        }
        await next;
        long before = engine.Counts.ComputedTokens;
        Assert.Equal(world.Of([1, 2, 3, 4]), session.Score());
        Assert.Equal(1, engine.Counts.ComputedTokens - before);
    }

    [Fact]
    public async Task A_session_obeys_the_aggregate_that_it_is_asked_for()
    {
        using var world = new Alone(tiny, "gemma2", heads: 3);
        using var session = world.Scorer.OpenSession([1, 2, 3]);
        float mean = session.Score(), least = await session.ScoreAsync(new ScoreOptions { Aggregate = ScoreAggregate.Min });
        var expected = world.Scorer.ScoreAll([world.Input([1, 2, 3])], new ScoreOptions { Aggregate = ScoreAggregate.Min })[0].Score;
        Assert.Equal((world.Of([1, 2, 3]), expected), (mean, least));
        Assert.NotEqual(mean, least);
    }
}
