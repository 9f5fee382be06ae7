using System.Buffers;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Facade.Tests.Models;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>What waits before the backend: callers that come together, batches, order, progress.</summary>
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

        public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
        {
            order.Add(Priority);
            return null;
        }
    }

    /// <summary>Who has cancelled his call may write into his tokens while the pass still runs: what the cache is told of it must be what was computed.</summary>
    [Fact]
    public async Task Tokens_that_change_while_they_are_read_leave_nothing_wrong_in_the_cache()
    {
        using var world = new Alone(tiny, "gemma2");
        for (int reads = 0; reads < 24; reads++)
        {
            int[] before = [reads, 2, 3, 4], after = [reads, 2, 9, 4];
            var changing = new Changing(before, after, reads);
            await world.Scorer.ScoreAllAsync([new EncodedInput(changing.Memory, 0, 4)]);
            foreach (int[] ids in new[] { before, after }) Assert.Equal(world.Of(ids), (await world.Scorer.ScoreAllAsync([world.Input(ids)]))[0].Score);
            if (changing.IsChanged) continue;
            Assert.InRange(reads, 3, 24);
            return;
        }
        Assert.Fail("the tokens are read more often than they were changed");
    }

    /// <summary>Memory that holds other tokens from some read on.</summary>
    private sealed class Changing(int[] before, int[] after, int reads) : MemoryManager<int>
    {
        private int _left = reads;

        public bool IsChanged => _left < 0;

        public override Span<int> GetSpan() => --_left >= 0 ? before : after;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
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
}
