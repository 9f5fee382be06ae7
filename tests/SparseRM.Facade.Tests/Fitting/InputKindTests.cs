using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Facade.Tests.Fitting;

/// <summary>The method and its ablations, from fit to file to score.</summary>
public sealed class InputKindTests(FittedReward fitted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static FitOptions Activations { get; } = World.Fit with { Input = HeadInputKind.Activations };

    [Theory]
    [InlineData(HeadInputKind.Projection)]
    [InlineData(HeadInputKind.Activations)]
    [InlineData(HeadInputKind.Dense)]
    [InlineData(HeadInputKind.Random)]
    public void Fits_and_scores_without_an_SAE_in_memory(HeadInputKind kind)
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var result = trainer.Fit(trainer.ReadStates(World.Pairs("train", 120)), World.Fit with { Input = kind });
        string path = Saved(result);
        Assert.Equal(kind, result.Reward.Input.Kind);
        using var scorer = RewardScorer.Open(path, World.Backbone);
        var test = trainer.ReadStates(World.Pairs("test", 20));
        float[] expected = trainer.Scores(result.Reward, test);
        TensorAssert.SameBits(expected, [.. fitted.Dialogues.Select(scorer.Score)]);
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, 0.85, 1);
        Explains(scorer);
    }

    [Theory]
    [InlineData(HeadInputKind.Dense)]
    [InlineData(HeadInputKind.Random)]
    public void Needs_no_SAE_where_no_latent_is_used(HeadInputKind kind)
    {
        var (options, reading) = (World.Fit with { Input = kind }, World.Trainer with { Sae = null, Layer = 4 });
        string without = _folder.File("without.safetensors"), with = _folder.File("with.safetensors");
        var data = World.Pairs("train", 40);
        Assert.Null(World.FitTo(without, options, data, reading).Reward.Metadata.SaeId);
        World.FitTo(with, options, data, reading with { Sae = World.Sae });
        Assert.Equal(File.ReadAllBytes(without), File.ReadAllBytes(with));
    }

    [Theory]
    [InlineData(HeadInputKind.Projection)]
    [InlineData(HeadInputKind.Activations)]
    public void Refuses_latents_without_an_SAE(HeadInputKind kind)
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { Sae = null, Layer = 4 });
        var states = trainer.ReadStates(World.Pairs("train", 2));
        World.Refuses(() => trainer.Fit(states, World.Fit with { Input = kind }), $"input {HeadInput.Name(kind)} needs an SAE", "give one");
    }

    [Fact]
    public void Activations_of_a_top_k_SAE_score_with_that_SAE_alone()
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        var result = trainer.Fit(trainer.ReadStates(World.Pairs("train", 120)), Activations);
        string path = Saved(result);
        World.Refuses(() => RewardScorer.Open(path, World.Backbone), path, trainer.Sae!.Id, "give that SAE");
        var other = SaeFormatCatalog.Open(World.Sae);
        World.Refuses(() => RewardScorer.Open(path, World.Backbone, other), path, trainer.Sae.Id, other.Id);

        using var scorer = RewardScorer.Open(path, World.Backbone, SaeFormatCatalog.Open(World.TopKSae));
        var test = trainer.ReadStates(World.Pairs("test", 20));
        float[] expected = trainer.Scores(result.Reward, test);
        TensorAssert.SameBits(expected, scorer.ScoreBatch([.. fitted.Dialogues.Select(scorer.Encode)]));
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => Assert.Equal(expected[i], scorer.Score(fitted.Dialogues[i])));
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, 0.85, 1);
        Explains(scorer);
    }

    [Fact]
    public void Scores_states_that_were_never_fitted_on()
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        var result = trainer.Fit(trainer.ReadStates(World.Pairs("train", 60)), Activations);
        var test = trainer.ReadStates(World.Pairs("test", 4));
        using var scorer = RewardScorer.Open(Saved(result), World.Backbone, trainer.Sae);
        float[] scores = trainer.Scores(result.Reward, test);
        TensorAssert.SameBits([.. fitted.Dialogues.Take(8).Select(scorer.Score)], scores);
    }

    [Fact]
    public async Task Dispose_waits_for_calls_that_use_the_SAE()
    {
        using var trainer = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        string path = Saved(trainer.Fit(trainer.ReadStates(World.Pairs("train", 60)), Activations));
        for (int round = 0; round < 5; round++)
        {
            var scorer = RewardScorer.Open(path, World.Backbone, trainer.Sae);
            float expected = scorer.Score(fitted.Dialogues[0]);
            using var started = new CountdownEvent(3);
            var callers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                started.Signal();
                while (true) Assert.Equal(expected, scorer.Score(fitted.Dialogues[0]));
            })).ToArray();
            started.Wait();
            scorer.Dispose();
            scorer.Dispose();
            foreach (var caller in callers) await Assert.ThrowsAsync<ObjectDisposedException>(() => caller);
        }
    }

    public void Dispose() => _folder.Dispose();

    private string Saved(FitResult result)
    {
        string path = _folder.File("reward.safetensors");
        RewardModelFile.Save(path, result.Reward);
        return path;
    }

    private void Explains(RewardScorer scorer)
    {
        var explanation = scorer.Explain(fitted.Dialogues[0], directions: 2, tokens: 2);
        Assert.Equal(explanation.Parts.Score - explanation.Parts.MeanScore, explanation.Parts.Shares.Sum(share => share.Share), 1e-4);
        Assert.Equal(2, explanation.Top.Count);
        Assert.All(explanation.Top, direction => Assert.Equal(2, direction.Tokens.Count));
    }
}
