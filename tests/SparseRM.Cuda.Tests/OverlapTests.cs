using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Facade.Tests.Engine;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Cuda;

/// <summary>A batch is enqueued while the one before it is computed; no bit depends on it, and a fault of one costs no other its score.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class OverlapTests : IDisposable
{
    private const int Texts = 10, InvalidValue = 1;
    private readonly TemporaryFolder _folder = TemporaryFolder.CopyOf(SharedData.Shipped("goldens", "models", "gemma2"));
    private readonly Backbone _backbone;
    private readonly RewardScorer _scorer;

    public OverlapTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
        _backbone = Backbone.Open(new BackboneOptions { Model = _folder.Path, Backend = "cuda:0", MaxBatchTokens = 16, PrefixCacheBytes = 1 << 20 }, 1);
        _scorer = _backbone.Attach(Reward());
        _scorer.ScoreBatch(Sequences(0)); // memory that grows is waited for
    }

    private RewardModel Reward()
    {
        var random = new Random(7);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
        var input = new HeadInput(HeadInputKind.Random, _backbone.DModel, Values(8 * _backbone.DModel), [], null);
        var head = new RewardHead(8, 16, Values(8 * 16), Values(16), Values(16), 0);
        return new RewardModel(input, head, new float[8], TestRewards.Metadata() with { Identity = _backbone.Identity(1, ReadOutPosition.Last), DType = "bf16" });
    }

    public void Dispose()
    {
        MockDriver.Fail("*", 0, 0);
        _scorer.Dispose();
        _backbone.Dispose();
        _folder.Dispose();
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    private static int Overlaps => MockDriver.Count("waits with work behind");

    /// <summary>Texts of 8 tokens, two a batch, half of which begin as the one before.</summary>
    private static TokenSequence[] Sequences(int seed)
    {
        var random = new Random(seed);
        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(200))];
        var texts = new List<TokenSequence>();
        while (texts.Count < Texts)
        {
            int[] shared = Ids(4);
            texts.Add(new((int[])[.. shared, .. Ids(4)], ReadOut.At(7)));
            texts.Add(new((int[])[.. shared, .. Ids(4)], ReadOut.At(7)));
        }
        return [.. texts];
    }

    private float[] Alone(TokenSequence[] texts)
    {
        int before = Overlaps;
        float[] scores = [.. texts.Select(text => _scorer.ScoreIds(text.Ids.ToArray()))];
        Assert.Equal(before, Overlaps);
        return scores;
    }

    [Fact]
    public void Batches_of_one_call_overlap_and_each_text_has_the_bits_that_it_has_alone()
    {
        var texts = Sequences(1);
        long passes = _backbone.Counts.Batches;
        int before = Overlaps;
        float[] together = _scorer.ScoreBatch(texts);
        long batches = _backbone.Counts.Batches - passes;
        Assert.InRange(batches, Texts / 3, Texts);
        // All but the first is enqueued while the one before runs; the last only where it is full.
        Assert.InRange(Overlaps - before, batches - 2, batches - 1);
        TensorAssert.SameBits(Alone(texts), together);
    }

    [Fact]
    public async Task What_callers_find_in_the_cache_of_a_batch_that_still_runs_has_the_same_bits()
    {
        var texts = Sequences(2);
        Task<IReadOnlyList<ScoreResult>>[] calls = [.. texts.Select(text => Task.Run(() => _scorer.ScoreAllAsync([new(text.Ids, 0, 8)])))];
        float[] scores = [.. (await Task.WhenAll(calls)).Select(results => results[0].Score)];
        TensorAssert.SameBits(Alone(texts), scores);
    }

    /// <summary>A batch that found in the cache what the one before it left there cannot be right where that one failed.</summary>
    [Fact]
    public void What_was_computed_on_a_pass_that_failed_is_computed_again()
    {
        // Three a batch: one computes the beginning, in the first batch.
        TokenSequence[] texts = [.. Enumerable.Range(0, 6).Select(i => new TokenSequence(new[] { 1, 2, 3, 4, 10 * i + 5, 6, 7, 8 }, ReadOut.At(7)))];
        long before = _backbone.Counts.ComputedTokens;
        MockDriver.Fail("cuEventSynchronize", 0, InvalidValue);
        var results = _scorer.ScoreAll([.. texts.Select(text => new EncodedInput(text.Ids, 0, 8))], new ScoreOptions { Priority = Priority.Interactive });
        Assert.False(MockDriver.WillFail());
        // 16 and, on the beginning, 12; then each of the three alone, of which one computes the beginning.
        Assert.Equal(16 + 12 + 16, _backbone.Counts.ComputedTokens - before);
        Assert.All(results.Take(3), result => Assert.IsType<BackendException>(result.Error));
        TensorAssert.SameBits(Alone(texts[3..]), [.. results.Skip(3).Select(result => result.Score)]);
    }

    [Fact]
    public void States_that_are_read_at_once_hold_nothing_back_and_are_read_once()
    {
        var texts = Sequences(4);
        var read = new List<int>();
        int before = Overlaps;
        _backbone.Engine.Run(StatesRequest.Of(texts, 1, (_, numbers) => read.AddRange(numbers.Span)));
        Assert.Equal(before, Overlaps);
        Assert.Equal([.. Enumerable.Range(0, Texts)], read.Order());
    }

    [Fact]
    public async Task Scores_of_tokens_and_a_session_behind_scores_have_the_bits_that_they_have_alone()
    {
        var texts = Sequences(5);
        float[] expected = Alone(texts);
        using var session = _scorer.OpenSession(texts[0].Ids.ToArray());
        Task<IReadOnlyList<ScoreResult>>[] calls;
        Task<float> appended;
        using (_backbone.Engine.Hold())
        {
            calls = [.. texts.Select((text, i) => _scorer.ScoreAllAsync([new(text.Ids, 0, 8)], i % 3 == 0 ? new ScoreOptions { PerToken = PerToken.Token } : null))];
            appended = session.ScoreAsync();
        }
        float[] scores = [.. (await Task.WhenAll(calls)).Select(results => results[0].Score)];
        TensorAssert.SameBits(expected, scores);
        Assert.Equal(expected[0], await appended);
    }

    /// <summary>Wherever a wait or a launch fails, what is given is right; and afterwards all is.</summary>
    [Theory]
    [InlineData("cuEventSynchronize")]
    [InlineData("cuEventRecord")]
    [InlineData("cuLaunchKernel")]
    [InlineData("cuMemcpyDtoHAsync_v2")]
    public async Task A_fault_of_the_device_gives_no_wrong_score_and_what_comes_later_is_right(string function)
    {
        bool failed = false;
        foreach (int calls in new[] { 0, 3, 34 })
        {
            var texts = Sequences(1000 + calls);
            MockDriver.Fail(function, calls, InvalidValue);
            var found = new List<(int Text, float Score)>();
            Task[] tasks = [.. texts.Select(async (text, i) =>
            {
                await Task.Yield();
                try
                {
                    var results = await _scorer.ScoreAllAsync([new(text.Ids, 0, 8)]);
                    if (results[0].Error is null) lock (found) found.Add((i, results[0].Score));
                }
                catch (BackendException)
                {
                }
            })];
            await Task.WhenAll(tasks);
            failed |= !MockDriver.WillFail();
            MockDriver.Fail("*", 0, 0);
            float[] expected = Alone(texts);
            // One call failed: the texts of one batch at most, and those of a pass that could not be enqueued are tried again.
            Assert.InRange(found.Count, Texts - 3, Texts);
            foreach (var (text, score) in found) Assert.Equal(expected[text], score);
            TensorAssert.SameBits(expected, _scorer.ScoreBatch(texts));
        }
        Assert.True(failed);
    }
}
