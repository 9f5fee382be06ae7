using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Fitting;

public sealed class FitTests(FittedReward fitted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void The_same_seed_gives_the_same_bytes_on_any_number_of_threads()
    {
        string again = _folder.File("again.safetensors");
        var oneThread = World.Trainer with { Backbone = World.Backbone with { Threads = 1, MaxBatchTokens = 100 } };
        World.FitTo(again, World.Fit with { Training = World.Fit.Training with { Threads = 1 } }, World.Pairs("train", 120), oneThread);
        Assert.Equal(File.ReadAllBytes(fitted.Path), File.ReadAllBytes(again));
    }

    [Fact]
    public void Another_seed_gives_another_head()
    {
        string other = _folder.File("other.safetensors");
        var result = World.FitTo(other, World.Fit with { Training = World.Fit.Training with { Seed = 2 } }, World.Pairs("train", 120));
        Assert.NotEqual(fitted.Result.Reward.Head.W1.ToArray(), result.Reward.Head.W1.ToArray());
        Assert.Equal(fitted.Result.Reward.Input.Latents, result.Reward.Input.Latents);
    }

    [Fact]
    public void Tells_right_answers_from_wrong_ones_and_records_how_it_was_fitted()
    {
        using var scorer = fitted.Open();
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, 0.9, 1);
        var metadata = scorer.Reward.Metadata;
        Assert.Equal((4, "bf16", 120, 8, "margin"), (metadata.Identity.Layer, metadata.DType, metadata.Pairs, metadata.K, metadata.Loss));
        Assert.Equal((fitted.Result.Head.HeldOutPairs, fitted.Result.Head.HeldOutAccuracy), (metadata.HeldOutPairs, metadata.HeldOutAccuracy));
        Assert.Equal(World.Pairs("train", 1).DataHash, metadata.DataHash);
        Assert.NotNull(metadata.SaeId);
    }

    [Theory]
    [InlineData(PreferenceLossKind.Margin)]
    [InlineData(PreferenceLossKind.BradleyTerry)]
    [InlineData(PreferenceLossKind.Bce)]
    public void Every_loss_learns(PreferenceLossKind loss)
    {
        string path = _folder.File("loss.safetensors");
        World.FitTo(path, World.Fit with { Training = World.Fit.Training with { Loss = loss } }, World.Pairs("train", 120));
        using var scorer = RewardScorer.Open(path, World.Backbone);
        Assert.Equal(PreferenceLoss.Name(loss), scorer.Reward.Metadata.Loss);
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, 0.9, 1);
    }

    [Theory]
    [InlineData(ReadOutPosition.Content)]
    [InlineData(ReadOutPosition.Mean)]
    public void Other_positions_fit_and_score_in_any_batch(ReadOutPosition position)
    {
        string path = _folder.File("position.safetensors");
        World.FitTo(path, World.Fit, World.Pairs("train", 120), World.Trainer with { Position = position });
        // The position comes from the reward file, so a scorer's options leave it.
        using var scorer = RewardScorer.Open(path, World.Backbone);
        using var small = RewardScorer.Open(path, World.Backbone with { MaxBatchTokens = 1, Threads = 1, PrefixCacheBytes = 0 });
        TensorAssert.SameBits([.. fitted.Dialogues.Select(small.Score)], scorer.ScoreBatch([.. fitted.Dialogues.Select(scorer.Encode)]));
        Assert.NotEqual(fitted.Scores[0], scorer.Score(fitted.Dialogues[0]));
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, position == ReadOutPosition.Content ? 0.85 : 0.5, 1);
        World.Refuses(() => scorer.ScoreIds([2, 3, 4]), $"position {position.ToString().ToLowerInvariant()}", "messages");
        World.Refuses(() => scorer.Score("Why?", ""), "the answer has no tokens");
    }

    [Fact]
    public void Content_reads_the_last_token_of_the_answer_alone()
    {
        using var backbone = Backbone.Open(World.Backbone, layer: 4);
        foreach (var dialogue in fitted.Dialogues.Take(5))
        {
            var input = backbone.Encoder.Encode(dialogue);
            var (last, all) = (input.ReadAt(ReadOutPosition.Content), input.ReadAt(ReadOutPosition.Mean).ReadOut);
            Assert.Equal((ReadOut.At(all.End - 1), Pooling.Mean), (last.ReadOut, all.Pooling));
            Assert.True(all.End < input.Ids.Length);
            float[] states = backbone.ReadLayers(new(input.Ids, ReadOut.Each(0, input.Ids.Length)), [4])[4];
            TensorAssert.SameBits(states.AsSpan((all.End - 1) * backbone.DModel, backbone.DModel), backbone.ReadStates([last], 4));
        }
    }

    [Fact]
    public void Refuses_more_latents_than_the_SAE_has_and_warns_of_fewer_than_K()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 32));
        World.Refuses(() => trainer.Fit(states, World.Fit with { K = 1025 }), "2050", "2048", "1024");
        World.Refuses(() => trainer.Fit(states, World.Fit with { K = 0 }), "K is 0");
        var many = trainer.Fit(states, World.Fit with { K = 1024, Training = World.Fit.Training with { MaxEpochs = 1 } });
        int positive = many.Reward.Input.Latents.Count(latent => latent.Sign > 0), negative = many.Reward.Input.Latents.Count - positive;
        Assert.Contains(many.Warnings, warning => warning.Contains($"only {positive} of K = 1024 positive latents"));
        Assert.Contains(many.Warnings, warning => warning.Contains($"only {negative} of K = 1024 negative latents"));
        Assert.Empty(trainer.Fit(states, World.Fit with { K = 1 }).Warnings);
    }

    [Fact]
    public void Uses_the_first_pairs_only_where_asked()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var few = trainer.Fit(trainer.ReadStates(World.Pairs("train", 60)), World.Fit with { Pairs = 40 }).Reward;
        var all = trainer.Fit(trainer.ReadStates(World.Pairs("train", 40)), World.Fit).Reward;
        Assert.Equal((40, 40), (few.Metadata.Pairs, all.Metadata.Pairs));
        Assert.Equal(all.Head.W1.ToArray(), few.Head.W1.ToArray());
    }

    [Fact]
    public void States_fit_by_turns_with_two_SAEs()
    {
        // What one trainer learnt of the states must not leak into another's fit.
        using var jump = RewardTrainer.Open(World.Trainer);
        using var topK = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        var data = World.Pairs("train", 40);
        var expected = topK.Fit(topK.ReadStates(data), World.Fit).Reward.Input.Latents;
        var states = jump.ReadStates(data);
        Assert.NotEqual(expected, jump.Fit(states, World.Fit).Reward.Input.Latents);
        Assert.Equal(expected, topK.Fit(states, World.Fit).Reward.Input.Latents);
    }

    [Fact]
    public void Refuses_an_SAE_of_another_layer_with_both_values() =>
        World.Refuses(() => RewardTrainer.Open(World.Trainer with { Layer = 3 }), "layer 4", "layer 3");

    [Fact]
    public void Refuses_an_SAE_of_another_width_with_both_values()
    {
        string narrow = SharedData.Shipped("goldens", "saes", "gemma-scope", "layer_2", "width_1k", "average_l0_9");
        World.Refuses(() => RewardTrainer.Open(World.Trainer with { Sae = narrow }), narrow, "64", "192");
    }

    [Fact]
    public void Refuses_to_guess_the_layer() =>
        World.Refuses(() => RewardTrainer.Open(World.Trainer with { Sae = null }), "no layer was given");

    [Fact]
    public void A_cache_folder_that_cannot_be_made_is_a_warning_and_not_an_end()
    {
        string file = _folder.File("file");
        File.WriteAllText(file, "");
        using var trainer = RewardTrainer.Open(World.Trainer with { CacheFolder = file });
        Assert.Contains(trainer.Warnings, warning => warning.Contains(file));
        Assert.Equal(4, trainer.ReadStates(World.Pairs("train", 2)).Count);
    }

    public void Dispose() => _folder.Dispose();
}
