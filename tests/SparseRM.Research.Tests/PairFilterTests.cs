using System.Text.Json;
using SparseRM.Data;
using SparseRM.Research.Alignment;

namespace SparseRM.Research.Tests;

public sealed class PairFilterTests(World world)
{
    private readonly Lazy<RewardScorer> _scorer = new(() => world.Trainer.Backbone.Attach(world.Trainer.Fit(world.Trainer.ReadStates(World.Pairs("train", 60)),
        new FitOptions { K = 4, Heads = 3, Training = World.Training }).Reward));

    // Half of the pairs are exchanged, so that the reward model disagrees with them.
    private static PreferenceSet Data { get; } = PreferenceSet.Of(World.Pairs("test", 40).Items.Select((item, i) => i % 2 == 0 ? item : item with { Chosen = item.Rejected, Rejected = item.Chosen }));

    private (FilterCounts Counts, JsonElement[] Rows) Filter(FilterOptions options)
    {
        using var stream = new MemoryStream();
        var counts = new PairFilter(_scorer.Value, options).Write("pairs", Data.Items, stream);
        return (counts, [.. System.Text.Encoding.UTF8.GetString(stream.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)]);
    }

    [Fact]
    public void Keeps_what_the_reward_model_agrees_with_and_counts_why_the_others_are_dropped()
    {
        var asked = new ScoreOptions { Doubt = true, Novelty = true };
        var expected = Data.Items.Select(item => (Item: item, Chosen: Result(item, item.Chosen[0]), Rejected: Result(item, item.Rejected[0]))).ToArray();
        double[] margins = [.. expected.Select(pair => (double)pair.Chosen.Score - pair.Rejected.Score)];
        var (counts, rows) = Filter(new FilterOptions());
        Assert.Equal((40, margins.Count(margin => margin >= 0), margins.Count(margin => margin < 0)), (counts.Pairs, counts.Kept, counts.Reversed));
        Assert.InRange(counts.Kept, 15, 25);
        var kept = expected.Where((_, i) => margins[i] >= 0).ToArray();
        Assert.Equal(kept.Select(pair => (double)pair.Chosen.Score), rows.Select(row => row.GetProperty("score_chosen").GetDouble()), (a, b) => (float)a == (float)b);
        Assert.Equal(kept.Select(pair => pair.Item.Chosen[0][0].Content), rows.Select(row => row.GetProperty("chosen")[0].GetProperty("content").GetString()));
        Assert.Equal(margins.Where(margin => margin >= 0).Average(), counts.MeanMargin, 6);
        // Every threshold at a value that splits what is there, and all of them together.
        double thin = Middle(kept.Select(pair => (double)pair.Chosen.Score - pair.Rejected.Score)), doubt = Middle(kept.Select(Doubt)), novel = Middle(kept.Select(Novelty));
        Check(new FilterOptions { MinMargin = thin }, kept.Count(pair => Margin(pair) >= thin), counts => counts.Thin);
        Check(new FilterOptions { MaxMargin = thin }, kept.Count(pair => Margin(pair) <= thin), counts => counts.Wide);
        Check(new FilterOptions { MaxDoubt = doubt }, kept.Count(pair => Doubt(pair) <= doubt), counts => counts.Doubtful);
        Check(new FilterOptions { MaxNovelty = novel }, kept.Count(pair => Novelty(pair) <= novel), counts => counts.Novel);

        ScoreResult Result(PreferenceItem item, IReadOnlyList<Text.Message> answer) => _scorer.Value.ScoreAll([_scorer.Value.Backbone.Encoder.Encode([.. item.Prompt, .. answer])], asked)[0];
        void Check(FilterOptions options, int expectedKept, Func<FilterCounts, long> dropped)
        {
            var found = Filter(options).Counts;
            Assert.Equal((expectedKept, kept.Length - expectedKept), (found.Kept, dropped(found)));
            Assert.InRange(expectedKept, 1, kept.Length - 1);
        }
    }

    [Fact]
    public void What_is_left_with_nothing_is_refused()
    {
        World.Refuses(() => Filter(new FilterOptions { MinMargin = 1e6 }), "no pair is left of 40", "too small a margin");
        var none = new PairFilter(_scorer.Value, new FilterOptions { SkipBad = true });
        // Longer than the model's context of tokens.
        PreferenceItem tooLong = PreferenceItem.Of(string.Concat(Enumerable.Repeat("What is it? ", 3000)), "a", "b");
        World.Refuses(() => none.Write("pairs", [tooLong], Stream.Null), "none of its 1 rows can be scored");
        World.Refuses(() => new PairFilter(_scorer.Value, new FilterOptions()).Write("pairs", [tooLong], Stream.Null), "pairs");
    }

    private static double Margin((PreferenceItem, ScoreResult Chosen, ScoreResult Rejected) pair) => (double)pair.Chosen.Score - pair.Rejected.Score;

    private static double Doubt((PreferenceItem, ScoreResult Chosen, ScoreResult Rejected) pair) => Math.Max(pair.Chosen.StandardDeviation!.Value, pair.Rejected.StandardDeviation!.Value);

    private static double Novelty((PreferenceItem, ScoreResult Chosen, ScoreResult Rejected) pair) => Math.Max(pair.Chosen.Novelty!.Value, pair.Rejected.Novelty!.Value);

    private static double Middle(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;
}
