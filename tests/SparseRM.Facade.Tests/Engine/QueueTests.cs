using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Facade.Tests.Models;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>What waits before the backend: bounds, order, cancellation, deadlines, faults, and callers that come and go.</summary>
public sealed class QueueTests(TinyReward tiny)
{
    private static int[] Text(int i) => [.. Enumerable.Range(0, 4 + i % 9).Select(t => (t * 7 + i) % 256)];

    [Fact]
    public async Task Every_one_of_many_callers_gets_the_bits_of_his_own_text()
    {
        using var world = new Alone(tiny, "gemma2");
        float[] expected = [.. Enumerable.Range(0, 200).Select(i => world.Of(Text(i)))];
        var threads = Enumerable.Range(0, 32).Select(caller => Task.Run(() =>
        {
            for (int i = caller; i < expected.Length; i += 32) Assert.Equal(expected[i], world.Scorer.ScoreIds(Text(i)));
        }));
        var awaited = Enumerable.Range(0, 200).Select(async i =>
            Assert.Equal(expected[i], (await world.Scorer.ScoreAllAsync([world.Input(Text(i))]))[0].Score));
        await Task.WhenAll([.. threads, .. awaited]);
        Assert.Equal((0, 0L), (world.Backbone.Counts.WaitingRequests, world.Backbone.Counts.WaitingTokens));
    }

    [Fact]
    public async Task Calls_that_wait_together_run_together()
    {
        using var world = new Alone(tiny, "gemma2");
        long before = world.Backbone.Counts.Batches;
        Task<IReadOnlyList<ScoreResult>>[] calls;
        using (world.Backbone.Engine.Hold()) calls = [.. Enumerable.Range(0, 20).Select(i => world.Scorer.ScoreAllAsync([world.Input(Text(i))]))];
        await Task.WhenAll(calls);
        Assert.Equal(1, world.Backbone.Counts.Batches - before);
    }

    [Fact]
    public async Task A_call_alone_may_be_computed_before_it_returns_and_waits_its_turn_otherwise()
    {
        using var world = new Alone(tiny, "gemma2");
        var here = new ScoreOptions { HereIfAlone = true };
        float expected = world.Of(Text(1));
        bool done = false;
        // A busy machine may take longer than the 5 ms up to which a pass is short.
        for (int tries = 0; tries < 200 && !done; tries++)
        {
            world.Scorer.ScoreIds(Text(2));
            var call = world.Scorer.ScoreAllAsync([world.Input(Text(1))], here);
            done = call.IsCompleted;
            Assert.Equal(expected, (await call)[0].Score);
        }
        Assert.True(done, "no call was computed before it returned");
        Task<IReadOnlyList<ScoreResult>> waits;
        using (world.Backbone.Engine.Hold())
        {
            waits = world.Scorer.ScoreAllAsync([world.Input(Text(1))], here);
            Assert.False(waits.IsCompleted);
        }
        Assert.Equal(expected, (await waits)[0].Score);
    }

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
    public async Task A_text_longer_than_any_that_was_short_to_compute_is_not_run_on_its_callers_thread()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { PrefixCacheBytes = 0 });
        for (int length = 20; length < 60; length++)
        {
            for (int i = 0; i < 3; i++) world.Scorer.ScoreIds([1, 2]);
            int runner = 0, caller = Environment.CurrentManagedThreadId;
            var text = new TokenSequence((int[])[.. Enumerable.Range(0, length)], ReadOut.At(length - 1));
            var run = world.Backbone.Engine.RunAsync(null, true, default, StatesRequest.Of([text], 1, (_, _) => runner = Environment.CurrentManagedThreadId));
            await run;
            Assert.NotEqual(caller, runner);
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
    public async Task What_a_caller_writes_into_his_ids_while_they_wait_is_not_scored()
    {
        using var world = new Alone(tiny, "gemma2");
        int[] ids = [1, 2, 3, 4], other = [1, 2, 3, 4];
        Task<IReadOnlyList<ScoreResult>> plain, placed;
        using (world.Backbone.Engine.Hold())
        {
            plain = world.Scorer.ScoreAllAsync([world.Backbone.Encoder.EncodeIds(ids)]);
            placed = world.Scorer.ScoreAllAsync([world.Backbone.Encoder.EncodeIds(other, 2, 4)]);
            (ids[2], other[2]) = (99, 1_000_000);
        }
        float expected = world.Of([1, 2, 3, 4]);
        Assert.Equal((expected, expected), ((await plain)[0].Score, (await placed)[0].Score));
    }

    [Fact]
    public async Task What_is_interactive_goes_before_what_is_bulk()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { MaxBatchTokens = 16 });
        var order = new List<Priority>();
        Task Run(Priority priority, int i) =>
            world.Backbone.Engine.RunAsync(null, false, default, new Recording([.. Enumerable.Range(i, 16)], order) { Priority = priority });
        Task[] calls;
        using (world.Backbone.Engine.Hold()) calls = [Run(Priority.Bulk, 0), Run(Priority.Bulk, 20), Run(Priority.Interactive, 40)];
        await Task.WhenAll(calls);
        Assert.Equal([Priority.Interactive, Priority.Bulk, Priority.Bulk], order);
    }

    /// <summary>Says when its states are there, on the thread that owns the backend.</summary>
    private sealed class Recording(int[] ids, List<Priority> order) : ForwardRequest([new TokenSequence(ids, ReadOut.At(ids.Length - 1))], [0])
    {
        public override int[] Layers { get; } = [1];

        public override object Consumer => this;

        public override void Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts) => order.Add(Priority);
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
    public void A_callback_of_progress_may_score_and_may_throw()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { MaxBatchTokens = 8 });
        TokenSequence[] texts = [.. Enumerable.Range(0, 12).Select(i => world.Input(Text(i)).ReadAt(ReadOutPosition.Last))];
        float expected = world.Of(Text(3));
        int calls = 0;
        float[] scores = world.Scorer.ScoreBatch(texts, new Reports(_ =>
        {
            calls++;
            Assert.Equal(expected, world.Scorer.ScoreIds(Text(3)));
        }));
        Assert.True(calls > 1);
        Assert.Equal(expected, scores[3]);
        Assert.Throws<InvalidDataException>(() => world.Scorer.ScoreBatch(texts, new Reports(progress =>
        {
            if (progress.Done > 0) throw new InvalidDataException();
        })));
        Assert.Equal(0, world.Backbone.Counts.WaitingRequests);
        Assert.Equal(expected, world.Scorer.ScoreIds(Text(3)));
    }

    [Fact]
    public async Task A_bulk_call_with_progress_goes_on_though_others_were_served_before_it()
    {
        using var world = new Alone(tiny, "gemma2", options: World.Backbone with { MaxBatchTokens = 8, PrefixCacheBytes = 0 });
        TokenSequence[] texts = [.. Enumerable.Range(0, 6).Select(i => world.Input(Text(i)).ReadAt(ReadOutPosition.Last))];
        for (int round = 0; round < 200; round++)
        {
            var bulk = Task.Run(() => world.Scorer.ScoreBatch(texts, new Reports(_ => { })));
            var one = Task.Run(() => world.Scorer.ScoreAllAsync([world.Input(Text(9))]));
            await Task.WhenAll(bulk, one).WaitAsync(TimeSpan.FromSeconds(30));
        }
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
