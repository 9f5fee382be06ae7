using SparseRM.Engine;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>Several rewards, layers and holders on one model.</summary>
public sealed class BackboneTests(TinyReward tiny)
{
    private static readonly int[][] s_texts = [.. Enumerable.Range(1, 12).Select(i => Enumerable.Range(0, 3 * i).Select(t => t * i % 200).ToArray())];

    [Fact]
    public void What_options_leave_open_is_resolved_before_models_are_compared()
    {
        using var first = tiny.Backbone("gemma2", World.Backbone with { Threads = 0, Compute = null });
        using var second = tiny.Backbone("gemma2", World.Backbone with { Threads = Environment.ProcessorCount, Compute = first.Compute });
        using var auto = tiny.Backbone("gemma2", World.Backbone with { Backend = "auto", Threads = 0, SessionBytes = BackboneOptions.DefaultPrefixCacheBytes });
        Assert.Same(first.Engine, second.Engine);
        Assert.Same(first.Engine, auto.Engine);
    }

    [Fact]
    public void Options_that_nothing_can_be_run_by_are_refused_before_a_model_is_opened()
    {
        (BackboneOptions Options, string Problem)[] all =
        [
            (World.Backbone with { MaxBatchTokens = 0 }, "option max-batch-tokens is 0; give at least 1"),
            (World.Backbone with { PrefixCacheBytes = -1 }, "option prefix-cache-bytes is -1"),
            (World.Backbone with { SessionBytes = -1 }, "option session-bytes is -1"),
            (World.Backbone with { Queue = new QueueOptions { MaxRequests = 0 } }, "option max-requests is 0"),
            (World.Backbone with { Queue = new QueueOptions { MaxTokens = -5 } }, "option max-tokens is -5"),
            (World.Backbone with { Queue = new QueueOptions { GatherWait = TimeSpan.FromMilliseconds(-5) } }, "option gather-wait is -00:00:00.005"),
            (World.Backbone with { Truncation = (Truncation)99 }, "option truncation is 99; give one of Refuse"),
            (World.Backbone with { Compute = (DType)99 }, "option dtype is 99; give F32, BF16, I8"),
        ];
        foreach (var (options, problem) in all) World.Refuses(() => Backbone.Open(options with { Model = "/nowhere" }).Dispose(), problem);
        World.Refuses(() => tiny.Backbone("gemma2", layer: -1).Dispose(), "option layer is -1; give at least 0");
        Assert.Throws<ArgumentNullException>(() => Backbone.Open(null!));
    }

    [Fact]
    public async Task Other_queues_and_caches_stand_before_the_same_weights()
    {
        BackboneOptions[] all =
        [
            World.Backbone, World.Backbone with { PrefixCacheBytes = 0 }, World.Backbone with { MaxBatchTokens = 24 },
            World.Backbone with { Queue = new QueueOptions { MaxRequests = 100 } }, World.Backbone with { SessionBytes = 1 << 20 },
        ];
        Backbone[] backbones = [.. all.Select(options => tiny.Backbone("qwen3", options))];
        Assert.Single(backbones.Select(backbone => backbone.Model).Distinct());
        Assert.Equal(all.Length, backbones.Select(backbone => backbone.Engine).Distinct().Count());
        RewardScorer[] scorers = [.. backbones.Select(backbone => backbone.Attach(TinyReward.Reward(backbone)))];
        float[] expected = [.. s_texts.Select(scorers[1].ScoreIds)];
        await Task.WhenAll(Enumerable.Range(0, 6).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; i < 60; i++)
            {
                var scorer = scorers[(caller + i) % scorers.Length];
                int text = i % s_texts.Length;
                float score = i % 2 == 0 ? scorer.ScoreIds(s_texts[text]) : (await scorer.ScoreAllAsync([scorer.Backbone.Encoder.EncodeIds(s_texts[text])]))[0].Score;
                Assert.Equal(expected[text], score);
            }
        }))).WaitAsync(TimeSpan.FromMinutes(1));
        // One that goes leaves the weights to the others.
        scorers[0].Dispose();
        backbones[0].Dispose();
        for (int i = 1; i < all.Length; i++) Assert.Equal(expected[3], scorers[i].ScoreIds(s_texts[3]));
        for (int i = 1; i < all.Length; i++)
        {
            scorers[i].Dispose();
            backbones[i].Dispose();
        }
    }

    [Fact]
    public void Equal_options_share_one_engine_and_its_weights_and_others_do_not()
    {
        using var first = tiny.Backbone("gemma2");
        using var second = tiny.Backbone("gemma2");
        using var other = tiny.Backbone("gemma2", World.Backbone with { Threads = 1 });
        using var own = tiny.Backbone("gemma2", World.Backbone with { IsShared = false });
        Assert.NotSame(first.Model, other.Model);
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

    [Fact]
    public void Explaining_a_text_whose_prompt_is_known_computes_each_of_its_tokens_once()
    {
        using var world = new Alone(tiny, "gemma2");
        int[] prompt = [.. Enumerable.Range(0, 30)], ids = [.. prompt, 7, 8, 9];
        world.Scorer.ScoreIds(prompt);
        long before = world.Backbone.Counts.ComputedTokens;
        Assert.Equal(world.Of(ids), world.Scorer.Explain(world.Input(ids)).Score);
        Assert.Equal(ids.Length, world.Backbone.Counts.ComputedTokens - before);
    }

    [Fact]
    public void Sentences_and_steps_are_refused_where_no_tokenizer_tells_them()
    {
        using var backbone = tiny.Backbone("gemma2", World.Backbone with { IdsOnly = true });
        using var named = tiny.Backbone("gemma2");
        using var scorer = named.Attach(TinyReward.Reward(named));
        OptionChecks.Require(new ScoreOptions { PerToken = PerToken.Token }, scorer.Reward, backbone.Tokenizer);
        foreach (var parts in new[] { PerToken.Sentence, PerToken.Step })
            World.Refuses(() => OptionChecks.Require(new ScoreOptions { PerToken = parts }, scorer.Reward, backbone.Tokenizer), "tokenizer", parts.ToString().ToLowerInvariant());
        World.Refuses(() => scorer.ScoreAll([], new ScoreOptions { Explain = -1 }), "explain", "-1");
        World.Refuses(() => scorer.ScoreAll([], new ScoreOptions { Explain = 1, ExplainTokens = -2 }), "explain-tokens", "-2");
        World.Refuses(() => scorer.ScoreAll([], new ScoreOptions { Priority = (Priority)7 }), "priority");
        World.Refuses(() => scorer.ScoreAll([], new ScoreOptions { PerToken = (PerToken)9 }), "per-token");
    }
}
