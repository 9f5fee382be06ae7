using SparseRM.Errors;
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
        _scorer.ScoreBatch(Sequences(0)); // memory that grows is waited for
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

    /// <summary>Wherever a wait or a launch fails, what is given is right; and afterwards all is.</summary>
    [Theory]
    [InlineData("cuEventSynchronize")]
    [InlineData("cuEventRecord")]
    [InlineData("cuLaunchKernel")]
    [InlineData("cuMemcpyDtoHAsync_v2")]
    public async Task A_fault_of_the_device_gives_no_wrong_score_and_what_comes_later_is_right(string function)
    {
        bool failed = false;
        foreach (int calls in new[] { 0, 1, 3, 13, 34 })
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
            foreach (var (text, score) in found) Assert.Equal(expected[text], score);
            TensorAssert.SameBits(expected, _scorer.ScoreBatch(texts));
        }
        Assert.True(failed);
    }
}
