using SparseRM.Models;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>Once warm, a token costs nothing on the managed heap.</summary>
public sealed class AllocationTests(TinyReward tiny)
{
    private const int Sequences = 12, Tokens = 40;

    [Theory]
    [InlineData(BatchPlan.DefaultTokens, false)]
    [InlineData(BatchPlan.DefaultTokens, true)]
    [InlineData(64, false)]
    [InlineData(64, true)]
    public void Four_times_the_tokens_allocate_the_same_bytes(int maxBatchTokens, bool mean)
    {
        using var scorer = tiny.Open("gemma2", World.Backbone with { MaxBatchTokens = maxBatchTokens });
        var (some, more) = (Batch(Tokens, mean), Batch(4 * Tokens, mean));
        long few = Allocated(scorer, some), many = Allocated(scorer, more);
        Assert.Equal(few, many);
        // The scores, and a handful of objects for the call.
        Assert.InRange(many, Sequences * sizeof(float), 2048);
    }

    [Fact]
    public void An_array_for_each_token_would_be_seen()
    {
        using var scorer = tiny.Open("gemma2");
        long Bytes(int tokens) => Allocated(scorer, Batch(tokens, false), count => new int[count]);
        Assert.NotEqual(Bytes(Tokens), Bytes(4 * Tokens));
    }

    /// <summary>Sequences that share their first half.</summary>
    private static TokenSequence[] Batch(int tokens, bool mean) => [.. Enumerable.Range(0, Sequences).Select(i =>
    {
        int[] ids = [.. Enumerable.Range(0, tokens).Select(t => t < tokens / 2 ? t % 251 : (t * 7 + i) % 256)];
        return new TokenSequence(ids, mean ? ReadOut.Mean(tokens / 2, tokens) : ReadOut.At(tokens - 1));
    })];

    /// <summary>Bytes that this thread allocates in one call; the least of a few, since the runtime itself allocates when it compiles again.</summary>
    private static long Allocated(RewardScorer scorer, TokenSequence[] batch, Func<int, object>? more = null)
    {
        long least = long.MaxValue;
        for (int round = 0; round < 8; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            scorer.ScoreBatch(batch);
            GC.KeepAlive(more?.Invoke(batch[0].Ids.Length));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }
}
