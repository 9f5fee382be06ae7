using SparseRM.Data;
using SparseRM.Scoring;
using SparseRM.Tensors;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Fitting;

/// <summary>From a fit of several heads to the file and to scores with doubt and novelty.</summary>
public sealed class EnsembleFitTests(FittedReward fitted) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Several_heads_are_fitted_saved_and_scored()
    {
        string path = _folder.File("reward");
        using var trainer = RewardTrainer.Open(World.Trainer);
        var result = trainer.Fit(trainer.ReadStates(World.Pairs("train", 120)), World.Fit with { Heads = 3 });
        RewardModelFile.Save(path, result.Reward);
        Assert.Equal(3, result.Heads.Count);
        Assert.Equal(result.Reward.Metadata.HeldOutPairs, result.Heads[2].HeldOutPairs);
        Assert.True(result.Reward.Metadata.Bootstrap);
        using var scorer = RewardScorer.Open(path, World.Backbone);
        float[] expected = trainer.Scores(result.Reward, trainer.ReadStates(World.Pairs("test", 20)));
        TensorAssert.SameBits(expected, scorer.ScoreBatch([.. fitted.Dialogues.Select(scorer.Encode)]));
        Assert.InRange(scorer.Evaluate(World.Pairs("test", 60)).Pairs.Accuracy, 0.9, 1);
        float[] state = scorer.Backbone.ReadStates([scorer.Encode(fitted.Dialogues[0])], scorer.Layer);
        Assert.True(scorer.Reward.Doubt(scorer.Reward.HeadScores(state)) > 0);
    }

    [Fact]
    public void Heads_on_activations_of_a_top_k_SAE_and_other_components_are_scored_together()
    {
        var options = World.Fit with { Input = HeadInputKind.Activations, Heads = 2 };
        using var trainer = RewardTrainer.Open(World.Trainer with { Sae = World.TopKSae });
        var states = trainer.ReadStates(World.Pairs("train", 60));
        var (activations, dense) = (trainer.Fit(states, options).Reward, trainer.Fit(states, options with { Input = HeadInputKind.Dense, Heads = 1 }).Reward);
        var combined = RewardModel.Combine([new("activations", activations), new("dense", dense, -0.5)]);
        string path = _folder.File("combined.safetensors");
        RewardModelFile.Save(path, combined);
        using var scorer = RewardScorer.Open(path, World.Backbone, trainer.Sae);
        float[] found = scorer.ScoreBatch([.. fitted.Dialogues.Select(scorer.Encode)]);
        var test = trainer.ReadStates(World.Pairs("test", 20));
        TensorAssert.SameBits(trainer.Scores(combined, test), found);
        float[] first = trainer.Scores(activations, test), second = trainer.Scores(dense, test);
        for (int i = 0; i < found.Length; i++) Assert.Equal(first[i] - (0.5f * second[i]), found[i], 1e-4f);
        var explanation = scorer.Explain(fitted.Dialogues[0]);
        Assert.Equal(["activations", "dense"], explanation.Components.Select(component => component.Name));
        Assert.Equal(found[0], explanation.Score);
        foreach (var component in scorer.Reward.Components)
        {
            Assert.Equal(component.Heads.Count, component.Probe!.Items[0].Scores.Count);
        }
    }

    [Fact]
    public void Seeds_alone_give_the_first_head_of_a_single_fit()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var result = trainer.Fit(trainer.ReadStates(World.Pairs("train", 120)), World.Fit with { Heads = 2, Bootstrap = false });
        Assert.False(result.Reward.Metadata.Bootstrap);
        Assert.Equal(fitted.Result.Reward.Head.W1.ToArray(), result.Reward.Components[0].Heads[0].W1.ToArray());
        Assert.NotEqual(fitted.Result.Reward.Head.W1.ToArray(), result.Reward.Components[0].Heads[1].W1.ToArray());
    }

    [Fact]
    public void Refuses_no_heads_and_an_aggregate_that_one_head_does_not_have()
    {
        using var trainer = RewardTrainer.Open(World.Trainer);
        var states = trainer.ReadStates(World.Pairs("train", 20));
        World.Refuses(() => trainer.Fit(states, World.Fit with { Heads = 0 }), "option heads is 0");
        World.Refuses(() => trainer.Fit(states, World.Fit with { Aggregate = ScoreAggregate.MeanMinus(1) }), "mean-minus:1", "at least 2");
        var cautious = trainer.Fit(states, World.Fit with { Aggregate = ScoreAggregate.MeanMinus(1), Heads = 2 }).Reward;
        Assert.Equal("mean-minus:1", $"{cautious.Aggregate}");
    }

    [Fact]
    public void The_probe_has_the_scores_that_a_scorer_gives()
    {
        using var scorer = fitted.Open();
        var probe = scorer.Reward.Components[0].Probe!;
        Assert.Equal(RewardProbe.MostItems, probe.Items.Count);
        float[] found = scorer.ScoreBatch([.. probe.Items.Select(item => item.Sequence)]);
        TensorAssert.SameBits([.. probe.Items.Select(item => item.Scores[0])], found);
        Assert.Contains("cpu", probe.Arithmetic);
        int[] lengths = [.. World.Dialogues(World.Pairs("train", 120)).Select(dialogue => scorer.Encode(dialogue).Ids.Length).Order()];
        Assert.Equal(lengths[0], probe.Items[0].Sequence.Ids.Length);
        Assert.True(probe.Items[^1].Sequence.Ids.Length < lengths[^1]);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void Another_arithmetic_stays_within_the_probes_bound_and_another_model_does_not(DType compute)
    {
        using var scorer = fitted.Open(World.Backbone with { Compute = compute, Backend = compute == DType.BF16 ? "cpu" : "reference" });
        var (component, backbone) = (scorer.Reward.Components[0], scorer.Backbone);
        for (int item = 0; item < component.Probe!.Items.Count; item++)
        {
            var sequence = component.Probe.Items[item].Sequence;
            float[] z = backbone.ReadStates([sequence], scorer.Layer);
            double error = ScoreRounding.RelativeError(backbone.Config, scorer.Layer + 1, sequence.Ids.Length, DType.BF16);
            double Bound(int head) => ScoreRounding.Bound(component.Input, component.Heads[head], z, error);
            Assert.Equal(ProbeAgreement.WithinBound, component.Probe.Check(fitted.Path, component.Name, item, scorer.Reward.HeadScores(z), "another", Bound));
            // Half of the state is far outside.
            float[] other = [.. z.Select(value => 0.5f * value)];
            World.Refuses(
                () => component.Probe.Check(fitted.Path, component.Name, item, scorer.Reward.HeadScores(other), "another", Bound), fitted.Path, "known answer");
        }
    }

    [Fact]
    public void Texts_of_another_task_are_more_novel_than_those_of_the_same()
    {
        using var scorer = fitted.Open();
        double[] Novelty(IEnumerable<IReadOnlyList<Message>> dialogues) =>
            [.. dialogues.Select(dialogue => scorer.Reward.Novelty(scorer.Backbone.ReadStates([scorer.Encode(dialogue)], scorer.Layer)))];
        var other = PreferenceFile.Read(SharedData.MiniWorld("pairs", "red-teaming.test.jsonl"), new PreferenceReadOptions { Limit = 20 });
        double[] known = Novelty(fitted.Dialogues), strange = Novelty(World.Dialogues(other));
        Assert.InRange(known.Average(), 0.35, 0.65);
        // Share of right orders of a known and a strange text.
        double order = strange.Average(s => known.Average(k => s > k ? 1.0 : 0));
        TestContext.Current.TestOutputHelper?.WriteLine($"known {known.Average():F3}, strange {strange.Average():F3}, ordered {order:F3}");
        Assert.InRange(order, 0.8, 1);
    }

    public void Dispose() => _folder.Dispose();
}
