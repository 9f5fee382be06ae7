using System.Diagnostics;
using System.Globalization;
using SparseRM.Errors;
using SparseRM.Facade.Tests.Models;
using SparseRM.Models;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>Callers that do all that callers can do, at random and at once: for two seconds, or as many as <c>SPARSERM_CALLERS_SECONDS</c> says.</summary>
public sealed class RandomCallersTests(TinyReward tiny)
{
    private const int Texts = 40, Bad = 201;

    private static int[] Text(int i) => [.. Enumerable.Range(0, 4 + i % 9).Select(t => (t * 7 + i) % 200)];

    [Fact]
    public async Task Whoever_scores_cancels_hurries_or_attaches_gets_the_bits_of_his_text_or_his_own_error()
    {
        var time = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("SPARSERM_CALLERS_SECONDS") ?? "2", CultureInfo.InvariantCulture));
        using var model = WeightEdits.Changed("model.embed_tokens.weight", values => values[(Bad * values.Length / 256) + 1] = float.NaN, tiny.Folder("gemma2"));
        var options = World.Backbone with { Model = model.Path, ChatTemplate = "none", IsShared = false };
        using var lonely = Backbone.Open(options with { PrefixCacheBytes = 0, MaxBatchTokens = 1, Threads = 1 }, 1);
        using var backbone = Backbone.Open(options with { PrefixCacheBytes = 600_000, MaxBatchTokens = 24, Queue = new QueueOptions { MaxRequests = 12 } }, 1);
        var reward = TinyReward.Reward(lonely);
        using var one = lonely.Attach(reward);
        using var scorer = backbone.Attach(reward);
        float[] expected = [.. Enumerable.Range(0, Texts).Select(i => one.ScoreIds(Text(i)))];
        var start = Stopwatch.StartNew();
        var seen = new int[9];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            for (var random = new Random(caller); start.Elapsed < time;)
            {
                int i = random.Next(Texts), kind = random.Next(9);
                try
                {
                    await Call(kind, i, random, scorer, expected);
                    Interlocked.Increment(ref seen[kind]);
                }
                catch (QueueFullException)
                {
                    await Task.Delay(1);
                }
            }
        }))).WaitAsync(time + TimeSpan.FromMinutes(1));
        Assert.All(seen, count => Assert.True(count > 0));
        Assert.Equal((0, 0L), (backbone.Counts.WaitingRequests, backbone.Counts.WaitingTokens));
        Assert.Equal(expected[3], scorer.ScoreIds(Text(3)));
        TestContext.Current.TestOutputHelper?.WriteLine($"{seen.Sum()} calls: {string.Join(' ', seen)}");
    }

    private static async Task Call(int kind, int i, Random random, RewardScorer scorer, float[] expected)
    {
        EncodedInput Input(params int[] ids) => scorer.Backbone.Encoder.EncodeIds(ids);
        switch (kind)
        {
            case 0:
                Assert.Equal(expected[i], scorer.ScoreIds(Text(i)));
                break;
            case 1:
                using (var source = new CancellationTokenSource())
                {
                    var call = scorer.ScoreAllAsync([Input(Text(i))], new ScoreOptions { Priority = (Priority)random.Next(2) }, source.Token);
                    if (random.Next(2) == 0) await source.CancelAsync();
                    try
                    {
                        Assert.Equal(expected[i], (await call)[0].Score);
                    }
                    catch (OperationCanceledException)
                    {
                        Assert.True(source.IsCancellationRequested);
                    }
                }
                break;
            case 2:
                try
                {
                    var hurried = await scorer.ScoreAllAsync([Input(Text(i))], new ScoreOptions { Deadline = TimeSpan.FromMilliseconds(random.NextDouble()) });
                    Assert.Equal(expected[i], hurried[0].Score);
                }
                catch (DeadlineException)
                {
                    // Too late, as it may be.
                }
                break;
            case 3:
                using (var other = scorer.Backbone.Attach(scorer.Reward)) Assert.Equal(expected[i], other.ScoreIds(Text(i)));
                break;
            case 4:
                using (var session = scorer.OpenSession(Text(i).AsSpan()))
                using (var fork = session.Fork())
                {
                    Assert.Equal(expected[i], await fork.ScoreAsync());
                    Assert.Equal(expected[i], session.Score());
                }
                break;
            case 5:
                var bad = await scorer.ScoreAllAsync([Input(Text(i)), Input(1, Bad, 2)]);
                Assert.Equal((expected[i], null), (bad[0].Score, bad[0].Error));
                Assert.True(float.IsNaN(bad[1].Score) && bad[1].Error is SparseRMException { Kind: ErrorKind.Model or ErrorKind.Numeric });
                break;
            case 6:
                Assert.ThrowsAny<SparseRMException>(() => scorer.ScoreIds([3, Bad]));
                break;
            case 7:
                Assert.Equal(expected[i], scorer.Explain(Input(Text(i))).Score);
                break;
            default:
                var texts = Enumerable.Range(0, 6).Select(k => Input(Text((i + k) % Texts)).ReadAt(ReadOutPosition.Last)).ToArray();
                float[] scores = scorer.ScoreBatch(texts, random.Next(2) == 0 ? null : new Reports(_ => { }));
                for (int k = 0; k < texts.Length; k++) Assert.Equal(expected[(i + k) % Texts], scores[k]);
                break;
        }
    }
}
