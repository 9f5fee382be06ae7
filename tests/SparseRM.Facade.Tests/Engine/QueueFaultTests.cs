using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Facade.Tests.Models;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>What waits before the backend and gets no result: bounds, cancellation, deadlines, faults, disposal.</summary>
public sealed class QueueFaultTests(TinyReward tiny)
{
    private static int[] Text(int i) => [.. Enumerable.Range(0, 4 + i % 9).Select(t => (t * 7 + i) % 256)];

    [Fact]
    public async Task One_text_whose_state_is_NaN_fails_alone_among_strangers()
    {
        const int DModel = 192, Bad = 300;
        using var model = WeightEdits.Changed("model.embed_tokens.weight", values => values[(Bad * DModel) + 7] = float.NaN);
        using var backbone = Backbone.Open(World.Backbone with { Model = model.Path, IsShared = false, PrefixCacheBytes = 1 << 20 }, 1);
        using var scorer = backbone.Attach(TinyReward.Reward(backbone));
        float[] alone = [.. Enumerable.Range(0, 30).Select(i => scorer.ScoreIds([2, 5 + i, 9]))];
        Task<IReadOnlyList<ScoreResult>>[] calls;
        using (backbone.Engine.Hold())
            calls = [.. Enumerable.Range(0, 30).Select(i => scorer.ScoreAllAsync([backbone.Encoder.EncodeIds(i == 17 ? new[] { 2, Bad, 9 } : [2, 5 + i, 9])]))];
        for (int i = 0; i < 30; i++)
        {
            var result = (await calls[i])[0];
            if (i != 17) Assert.Equal((alone[i], null), (result.Score, result.Error));
            else Assert.True(float.IsNaN(result.Score) && result.Error is SparseRMException { Kind: ErrorKind.Numeric or ErrorKind.Model });
        }
    }

    [Fact]
    public async Task A_call_is_cancelled_while_it_waits_and_the_others_are_served()
    {
        using var world = new Alone(tiny, "gemma2");
        using var source = new CancellationTokenSource();
        Task<IReadOnlyList<ScoreResult>> cancelled, served;
        using (world.Backbone.Engine.Hold())
        {
            cancelled = world.Scorer.ScoreAllAsync([world.Input(Text(1))], null, source.Token);
            served = world.Scorer.ScoreAllAsync([world.Input(Text(2))]);
            source.Cancel();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
            Assert.Equal(1, world.Backbone.Counts.WaitingRequests);
        }
        Assert.Equal(world.Of(Text(2)), (await served)[0].Score);
    }

    [Fact]
    public async Task A_deadline_passes_in_time_also_while_the_backend_is_busy()
    {
        using var world = new Alone(tiny, "gemma2");
        using (world.Backbone.Engine.Hold())
        {
            var late = await Assert.ThrowsAsync<DeadlineException>(
                () => world.Scorer.ScoreAllAsync([world.Input(Text(1))], new ScoreOptions { Deadline = TimeSpan.FromMilliseconds(20) }));
            Assert.Equal(ErrorKind.Deadline, late.Kind);
            Assert.Contains("20 ms", late.Message, StringComparison.Ordinal);
        }
        Assert.Equal(world.Of(Text(1)), world.Scorer.ScoreIds(Text(1)));
    }

    [Fact]
    public async Task A_full_queue_refuses_by_requests_and_by_tokens_and_takes_again_later()
    {
        foreach (var bounds in new[] { new QueueOptions { MaxRequests = 2 }, new QueueOptions { MaxTokens = 9 } })
        {
            using var world = new Alone(tiny, "gemma2", options: World.Backbone with { Queue = bounds });
            Task<IReadOnlyList<ScoreResult>>[] waiting;
            using (world.Backbone.Engine.Hold())
            {
                waiting = [.. Enumerable.Range(0, 2).Select(_ => world.Scorer.ScoreAllAsync([world.Input([1, 2, 3, 4])]))];
                var full = await Assert.ThrowsAsync<QueueFullException>(() => world.Scorer.ScoreAllAsync([world.Input([1, 2])]));
                Assert.Equal(ErrorKind.Full, full.Kind);
            }
            await Task.WhenAll(waiting);
            Assert.Equal(world.Of([1, 2]), world.Scorer.ScoreIds([1, 2]));
        }
    }

    [Fact]
    public async Task An_empty_queue_takes_one_call_whatever_its_requests_and_tokens()
    {
        foreach (var bounds in new[] { new QueueOptions { MaxRequests = 1 }, new QueueOptions { MaxTokens = 3 } })
        {
            using var world = new Alone(tiny, "gemma2", options: World.Backbone with { Queue = bounds });
            using var second = world.Backbone.Attach(world.Reward);
            var results = await world.Backbone.ScoreAllAsync([world.Scorer, second], [world.Input([1, 2, 3, 4])]);
            float expected = world.Of([1, 2, 3, 4]);
            Assert.Equal([expected, expected], results.Select(result => result[0].Score));
            Assert.Equal(0, world.Backbone.Counts.WaitingTokens);
        }
    }

    [Fact]
    public void A_call_that_failed_is_told_before_its_other_batches_are_computed()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { MaxBatchTokens = 8, PrefixCacheBytes = 0 });
        TokenSequence[] texts = [.. Enumerable.Range(0, 12).Select(i => world.Input(Text(i)).ReadAt(ReadOutPosition.Last))];
        int batches = 0;
        Assert.Throws<InvalidDataException>(() => world.Backbone.Engine.Run(StatesRequest.Of(texts, 1, (_, _) =>
        {
            batches++;
            throw new InvalidDataException();
        })));
        Assert.Equal(1, batches);
        Assert.Equal(0, world.Backbone.Counts.WaitingRequests);
    }

    [Fact]
    public async Task What_waits_when_all_is_disposed_hears_that_it_is_closed()
    {
        var world = new Alone(tiny, "gemma2");
        Task<IReadOnlyList<ScoreResult>> waiting;
        Task closing;
        using (world.Backbone.Engine.Hold())
        {
            waiting = world.Scorer.ScoreAllAsync([world.Input(Text(1))]);
            var engine = world.Backbone.Engine;
            closing = Task.Run(engine.Dispose);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        }
        await closing;
        Assert.Throws<ObjectDisposedException>(() => world.Scorer.ScoreIds(Text(1)));
    }

    [Fact]
    public async Task States_are_handed_out_once_though_a_stranger_in_the_batch_fails()
    {
        using var world = new Alone(tiny, "gemma2");
        TokenSequence[] texts = [.. Enumerable.Range(0, 5).Select(i => world.Input(Text(i)).ReadAt(ReadOutPosition.Last))];
        var seen = new List<int>();
        Task good, bad;
        using (world.Backbone.Engine.Hold())
        {
            good = world.Backbone.Engine.RunAsync(null, false, default, StatesRequest.Of(texts, 1, (_, numbers) => seen.AddRange(numbers.ToArray())));
            bad = world.Backbone.Engine.RunAsync(null, false, default, StatesRequest.Of(texts, 1, (_, _) => throw new InvalidDataException()));
        }
        await good;
        await Assert.ThrowsAsync<InvalidDataException>(() => bad);
        Assert.Equal([0, 1, 2, 3, 4], seen.Order());
    }

    [Fact]
    public async Task A_session_that_is_disposed_while_its_score_waits_gives_its_memory_back()
    {
        using var world = new Alone(tiny, "gemma2");
        long before = world.Backbone.Counts.CachedBytes;
        var session = world.Scorer.OpenSession(Text(3).AsSpan());
        Task<float> waiting;
        Task disposed;
        using (world.Backbone.Engine.Hold())
        {
            waiting = session.ScoreAsync();
            disposed = Task.Run(session.Dispose);
            await Task.Delay(50);
        }
        await disposed;
        try
        {
            await waiting;
        }
        catch (ObjectDisposedException)
        {
            // Or the score came first.
        }
        world.Scorer.ScoreBatch([world.Input(Text(1)).ReadAt(ReadOutPosition.Last)]);
        Assert.Equal(before, world.Backbone.Counts.CachedBytes);
        Assert.ThrowsAny<SparseRMException>(() => world.Scorer.OpenSession([9999]));
    }

    [Fact]
    public async Task What_a_call_cannot_give_is_refused_and_not_ignored()
    {
        using var world = new Alone(tiny, "gemma2");
        World.Refuses(() => world.Scorer.ScoreAll([world.Input(Text(1))], new ScoreOptions { Deadline = TimeSpan.FromSeconds(9) }), "asynchronous");
        using var session = world.Scorer.OpenSession(Text(1).AsSpan());
        ScoreOptions[] beside = [new() { Novelty = true }, new() { Doubt = true }, new() { PerToken = PerToken.Token }, new() { Explain = 3 }, new() { ExplainTokens = 1 }];
        foreach (var asked in beside)
        {
            Assert.Equal(ErrorKind.Usage, (await Assert.ThrowsAsync<SparseRMException>(() => session.ScoreAsync(asked))).Kind);
            Assert.Equal(ErrorKind.Usage, (await Assert.ThrowsAsync<SparseRMException>(() => world.Scorer.ScoreAsync("a", "b", asked))).Kind);
        }
        Assert.Equal(world.Of(Text(1)), await session.ScoreAsync(new ScoreOptions { Priority = Priority.Bulk, Deadline = TimeSpan.MaxValue }));
        using (world.Backbone.Engine.Hold())
            await Assert.ThrowsAsync<DeadlineException>(() => world.Backbone.ScoreAllAsync(
                [world.Scorer], [world.Input(Text(1))], new ScoreOptions { Deadline = TimeSpan.FromMilliseconds(20) }));
    }
}
