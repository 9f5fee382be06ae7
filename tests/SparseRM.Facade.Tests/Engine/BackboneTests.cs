using SparseRM.Models;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>Several rewards, layers and holders on one model.</summary>
public sealed class BackboneTests(TinyReward tiny)
{
    private static readonly int[][] s_texts = [.. Enumerable.Range(1, 12).Select(i => Enumerable.Range(0, 3 * i).Select(t => t * i % 200).ToArray())];

    [Fact]
    public void Equal_options_share_one_engine_and_its_weights_and_others_do_not()
    {
        using var first = tiny.Backbone("gemma2");
        using var second = tiny.Backbone("gemma2");
        using var other = tiny.Backbone("gemma2", World.Backbone with { Threads = 1 });
        using var own = tiny.Backbone("gemma2", World.Backbone with { IsShared = false });
        Assert.Same(first.Engine, second.Engine);
        Assert.Same(first.Model, second.Model);
        Assert.NotSame(first.Engine, other.Engine);
        Assert.NotSame(first.Engine, own.Engine);
        second.Dispose();
        second.Dispose();
        Assert.Equal(first.DModel, first.ReadStates([new(s_texts[0], ReadOut.At(2))], 0).Length);
    }

    [Fact]
    public async Task Rewards_at_several_layers_that_share_batches_have_the_bits_of_each_alone()
    {
        using var backbone = tiny.Backbone("gemma2", layer: 0);
        int[] layers = [2, 0, 1, 1];
        float[][] expected = [.. layers.Select((layer, i) =>
        {
            using var lonely = tiny.Backbone("gemma2", World.Backbone with { PrefixCacheBytes = 0, Threads = 1, MaxBatchTokens = 1 }, layer);
            using var scorer = lonely.Attach(TinyReward.Reward(lonely, layer, seed: i + 1));
            return s_texts.Select(scorer.ScoreIds).ToArray();
        })];
        backbone.Load(2);
        RewardScorer[] scorers = [.. layers.Select((layer, i) => backbone.Attach(TinyReward.Reward(backbone, layer, seed: i + 1)))];
        for (int round = 0; round < 3; round++)
        {
            Task<IReadOnlyList<ScoreResult>>[] calls;
            using (backbone.Engine.Hold())
            {
                calls = [.. from text in s_texts from scorer in scorers select scorer.ScoreAllAsync([backbone.Encoder.EncodeIds(text)])];
            }
            var found = await Task.WhenAll(calls);
            for (int call = 0; call < found.Length; call++) Assert.Equal(expected[call % layers.Length][call / layers.Length], found[call][0].Score);
        }
        foreach (var scorer in scorers) scorer.Dispose();
    }

    [Fact]
    public async Task Rewards_at_several_layers_share_one_pass_up_to_the_deepest()
    {
        using var backbone = tiny.Backbone("gemma2", World.Backbone with { IsShared = false, PrefixCacheBytes = 0, MaxBatchTokens = 64 }, layer: 2);
        int[] layers = [0, 2, 1, 1];
        RewardScorer[] scorers = [.. layers.Select((layer, i) => backbone.Attach(TinyReward.Reward(backbone, layer, seed: i + 1)))];
        EncodedInput[] inputs = [.. s_texts.Select(text => backbone.Encoder.EncodeIds(text))];
        float[][] alone = [.. scorers.Select(scorer => s_texts.Select(scorer.ScoreIds).ToArray())];
        long start = backbone.Counts.ComputedTokens;
        scorers[1].ScoreBatch([.. inputs.Select(input => input.ReadAt(ReadOutPosition.Last))]);
        long deepest = backbone.Counts.ComputedTokens - start;
        foreach (var priority in Enum.GetValues<Priority>())
        {
            start = backbone.Counts.ComputedTokens;
            var found = await backbone.ScoreAllAsync(scorers, inputs, new ScoreOptions { Priority = priority });
            Assert.Equal(deepest, backbone.Counts.ComputedTokens - start);
            for (int i = 0; i < scorers.Length; i++) Assert.Equal(alone[i], found[i].Select(result => result.Score));
        }
        using var other = tiny.Backbone("qwen2");
        await Assert.ThrowsAsync<ArgumentException>(() => other.ScoreAllAsync(scorers, inputs));
        foreach (var scorer in scorers) scorer.Dispose();
    }

    [Fact]
    public async Task Rewards_come_and_go_while_others_score()
    {
        using var world = new Alone(tiny, "qwen2");
        float[] expected = [.. s_texts.Select(text => world.Of(text))];
        using var end = new CancellationTokenSource();
        var callers = Enumerable.Range(0, 3).Select(caller => Task.Run(() =>
        {
            for (int i = caller; !end.IsCancellationRequested; i = (i + 1) % s_texts.Length) Assert.Equal(expected[i], world.Scorer.ScoreIds(s_texts[i]));
        })).ToArray();
        for (int i = 0; i < 40; i++)
        {
            using var another = world.Backbone.Attach(world.Reward);
            Assert.Equal(expected[i % 12], another.ScoreIds(s_texts[i % 12]));
        }
        await end.CancelAsync();
        await Task.WhenAll(callers);
    }

    [Fact]
    public void Token_scores_are_those_of_the_text_cut_there_and_the_last_is_the_score()
    {
        using var world = new Alone(tiny, "gemma2", ReadOutPosition.Last);
        int[] ids = [.. Enumerable.Range(0, 30).Select(i => i * 7 % 200)];
        var result = world.Scorer.ScoreAll([world.Input(ids, 10)], new ScoreOptions { PerToken = PerToken.Token })[0];
        Assert.Equal(Enumerable.Range(10, 20), result.TokenScores.Select(token => token.Position));
        Assert.Equal(result.Score, result.TokenScores[^1].Score);
        Assert.All(result.TokenScores, token => Assert.Equal(world.Of(ids[..(token.Position + 1)]), token.Score));
        using var content = new Alone(tiny, "gemma2", ReadOutPosition.Content);
        var inside = content.Scorer.ScoreAll([content.Backbone.Encoder.EncodeIds(ids, 10, 20)], new ScoreOptions { PerToken = PerToken.Token })[0];
        Assert.Equal(Enumerable.Range(10, 10), inside.TokenScores.Select(token => token.Position));
        Assert.Equal(inside.Score, inside.TokenScores[^1].Score);
    }

    [Fact]
    public void Sentences_and_steps_end_where_their_text_does()
    {
        using var world = new Alone(tiny, "gemma2");
        var input = world.Backbone.Encoder.EncodeIds(world.Backbone.Encoder.EncodeText("Q: A b. C 1.5\nD! E").Ids, 3, 18);
        string Ends(PerToken parts) => string.Join(' ', world.Scorer.ScoreAll([input], new ScoreOptions { PerToken = parts })[0].TokenScores.Select(token => token.Position));
        Assert.Equal("6 15 17", Ends(PerToken.Sentence));
        Assert.Equal("13 17", Ends(PerToken.Step));
    }

    [Fact]
    public void Explaining_takes_one_pass_and_has_the_scores_bits()
    {
        using var world = new Alone(tiny, "gemma2");
        int[] ids = [.. Enumerable.Range(0, 30)];
        var before = world.Backbone.Counts;
        var explanation = world.Scorer.Explain(world.Input(ids));
        var after = world.Backbone.Counts;
        Assert.Equal((30, 1), (after.ComputedTokens - before.ComputedTokens, after.Batches - before.Batches));
        Assert.Equal(world.Of(ids), explanation.Score);
    }
}
