using CsCheck;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

/// <summary>Scores and doubts of several heads and components.</summary>
public sealed class RewardModelTests
{
    [Theory]
    [InlineData("mean", 3)]
    [InlineData("min", 1)]
    [InlineData("mean-minus:0.5", 2)]
    [InlineData("mean-minus:0", 3)]
    public void Aggregates_by_their_formula_and_names_are_read_back(string name, double expected)
    {
        // Mean 3, squares of differences 4 + 0 + 4 over n - 1 = 2: standard deviation 2.
        var aggregate = ScoreAggregate.Parse(name);
        Assert.Equal(expected, aggregate.Of([5, 3, 1]));
        Assert.Equal(name, aggregate.ToString());
        Assert.Equal(aggregate, ScoreAggregate.Parse(aggregate.ToString()));
    }

    [Theory]
    [InlineData("median", "there is no aggregate \"median\"")]
    [InlineData("mean-minus:", "there is no aggregate")]
    [InlineData("mean-minus:x", "there is no aggregate")]
    [InlineData("mean-minus:-1", "lambda of aggregate mean-minus is -1")]
    [InlineData("mean-minus:NaN", "lambda of aggregate mean-minus is NaN")]
    public void Other_aggregates_are_refused(string name, string expected) =>
        Assert.Contains(expected, Assert.Throws<SparseRMException>(() => ScoreAggregate.Parse(name)).Message);

    [Fact]
    public void One_head_of_weight_1_gives_its_own_bits_by_every_aggregate()
    {
        Gen.Float.Where(float.IsFinite).Sample(score =>
        {
            TensorAssert.SameBits([score], [RewardModels.Make(HeadInputKind.Dense).Total([score])]);
            TensorAssert.SameBits([score], [RewardModels.Make(HeadInputKind.Dense).Total([score], ScoreAggregate.Min)]);
        });
        TensorAssert.SameBits([-0f], [RewardModels.Make(HeadInputKind.Dense).Total([-0f])]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_score_that_is_not_finite_never_becomes_a_total(float bad)
    {
        foreach (var aggregate in new[] { ScoreAggregate.Mean, ScoreAggregate.Min, ScoreAggregate.MeanMinus(1) })
            Assert.Contains("finite", Assert.Throws<SparseRMException>(() => RewardModels.Ensemble().Total([1, 2, bad, 4, 5], aggregate)).Message);
    }

    [Fact]
    public void The_score_is_the_weighted_sum_of_the_components()
    {
        // Means 2 and 6 with weights 1 and -0.5; the head scores of a state are those of its components' inputs.
        var model = RewardModels.Ensemble();
        Assert.Equal(-1f, model.Total([1, 2, 3, 5, 7]));
        Assert.Equal([2f, 6f], model.ComponentScores([1, 2, 3, 5, 7]));
        float[] z = [1, -2, 3, 0.5f, 0, 7];
        var heads = model.HeadScores(z);
        Assert.Equal(5, heads.Length);
        var v = new float[3];
        model.Components[0].Input.Compute(z, v);
        Assert.Equal((float)model.Components[0].Heads[2].Score(v), heads[2]);
        Assert.Equal((float)model.Components[1].Heads[1].Score(z), heads[4]);
        Assert.Equal(model.Total(heads), model.Score(z));
        Assert.Throws<ArgumentException>(() => model.Total([1, 2, 3, 4]));
    }

    [Fact]
    public void A_cautious_aggregate_takes_the_bad_end_whatever_the_sign_of_the_weight()
    {
        var model = RewardModels.Ensemble();
        Assert.Equal(1 - (0.5f * 7), model.Total([1, 2, 3, 5, 7], ScoreAggregate.Min));
        Assert.Equal([1f, 7f], model.ComponentScores([1, 2, 3, 5, 7], ScoreAggregate.Min));
        // Deviations 1 and sqrt(2): (2 - 1) - 0.5 (6 + sqrt(2)).
        Assert.Equal((float)(1 - (0.5 * (6 + Math.Sqrt(2)))), model.Total([1, 2, 3, 5, 7], ScoreAggregate.MeanMinus(1)));
    }

    [Fact]
    public void Doubt_is_the_deviation_of_the_weighted_sum_or_of_independent_components()
    {
        // Different numbers of heads: variances 1 and 2, weights 1 and -0.5.
        Assert.Equal(Math.Sqrt(1 + (0.25 * 2)), RewardModels.Ensemble().Doubt([1, 2, 3, 5, 7]), 1e-12);
        var part = RewardModels.Ensemble().Components[1];
        var even = new RewardModel([part.With("a", 1), part.With("b", -1)]);
        // Sums by head: 5 - 4 and 7 - 6, which do not differ.
        Assert.Equal(0, even.Doubt([5, 7, 4, 6]));
        Assert.Equal(Math.Sqrt(2), even.Doubt([5, 7, 4, 4]), 1e-12);
        Assert.True(even.HasDoubt);
        var single = RewardModels.Make(HeadInputKind.Dense);
        Assert.False(single.HasDoubt);
        Assert.Contains("component \"reward\" has one head", Assert.Throws<SparseRMException>(() => single.Doubt([1])).Message);
        Assert.Contains("needs several heads", Assert.Throws<SparseRMException>(() => single.Total([1], ScoreAggregate.MeanMinus(1))).Message);
        Assert.Contains("needs several heads", Assert.Throws<SparseRMException>(() => new RewardModel(single.Components, ScoreAggregate.MeanMinus(1))).Message);
    }

    [Fact]
    public void Combining_multiplies_weights_and_names_parts()
    {
        var (one, two) = (RewardModels.Make(HeadInputKind.Projection), RewardModels.Ensemble());
        var combined = RewardModel.Combine([new("style", one, 2), new("rest", two, -1)]);
        Assert.Equal([("style", 2.0), ("rest.helpful", -1.0), ("rest.safe", 0.5)], combined.Components.Select(c => (c.Name, c.Weight)));
        float[] z = [1, -2, 3, 0.5f, 0, 7];
        Assert.Equal((2 * one.Score(z)) - two.Score(z), combined.Score(z), 1e-4);
        Assert.Equal(two.Components[0].Probe, combined.Components[1].Probe);
    }

    [Fact]
    public void Only_models_for_one_hidden_state_are_combined()
    {
        var own = RewardModels.Make(HeadInputKind.Dense);
        string Refused(RewardModelMetadata metadata) => Assert.Throws<SparseRMException>(() => RewardModel.Combine(
            [new("a", own), new("b", new RewardModel(own.Input, own.Head, own.MeanInput.ToArray(), metadata))])).Message;
        var (metadata, identity) = (own.Metadata, own.Metadata.Identity);
        Assert.Equal("components \"a\" and \"b\" cannot be combined: they were fitted with layer 4 and 3; fit both with the same.",
            Refused(metadata with { Identity = identity with { Layer = 3 } }));
        Assert.Contains("model miniworld (aa11) and miniworld (ee55)", Refused(metadata with { Identity = identity with { ModelFingerprint = "ee55" } }));
        Assert.Contains("tokenizer cc33 and 99", Refused(metadata with { Identity = identity with { TokenizerFingerprint = "99" } }));
        Assert.Contains("position content and mean", Refused(metadata with { Identity = identity with { Position = ReadOutPosition.Mean } }));
        Assert.Contains("chat template gemma (bb22) and gemma (00)", Refused(metadata with { Identity = identity with { TemplateFingerprint = "00" } }));
        Assert.Contains("dtype bf16 and f32", Refused(metadata with { DType = "f32" }));
        Assert.Contains("two components have the name \"a\"", Assert.Throws<SparseRMException>(() => RewardModel.Combine([new("a", own), new("a", own)])).Message);
        Assert.Contains("weight of component \"a\" is 0", Assert.Throws<SparseRMException>(() => RewardModel.Combine([new("a", own, 0)])).Message);
        Assert.Contains("at least one", Assert.Throws<SparseRMException>(() => RewardModel.Combine([])).Message);
        var cautious = RewardModels.Ensemble(ScoreAggregate.Min);
        Assert.Contains("by mean, those of \"b\" by min", Assert.Throws<SparseRMException>(() => RewardModel.Combine([new("a", own), new("b", cautious)])).Message);
        Assert.Equal(ScoreAggregate.Min, RewardModel.Combine([new("a", own), new("b", cautious)], ScoreAggregate.Min).Aggregate);
    }

    [Theory]
    // 1 - min(1, n * the least tail): two components double the tail, and a sum of tails beyond 1 is no novelty at all.
    [InlineData(0.25, 0.5, 0)]
    [InlineData(0.5, 0.25, 0)]
    [InlineData(0.75, 0, 0.5)]
    [InlineData(0, 0.75, 0.5)]
    [InlineData(0.75, 0.875, 0.75)]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 1)]
    public void The_novelty_of_two_components_is_that_of_the_rarer_tail_doubled(double helpful, double safe, double expected) =>
        Assert.Equal(expected, RewardModels.Ensemble().Novelty(new[] { helpful, safe }));

    [Fact]
    public void Novelty_takes_one_value_a_component()
    {
        Assert.Throws<ArgumentException>(() => RewardModels.Ensemble().Novelty(new double[1]));
        Assert.Throws<ArgumentException>(() => RewardModels.Ensemble().Novelty(new double[3]));
        Assert.Equal(0.25, new RewardModel([RewardModels.Ensemble().Components[0]]).Novelty(new[] { 0.25 }));
    }

    [Fact]
    public void What_belongs_to_one_head_is_not_taken_from_several()
    {
        var model = RewardModels.Ensemble();
        Assert.Throws<InvalidOperationException>(() => model.Input);
        Assert.Throws<InvalidOperationException>(() => model.MeanInput);
        Assert.Throws<InvalidOperationException>(() => ScoreExplanation.Of(model, [1, 2, 3]));
        Assert.Throws<InvalidOperationException>(() => new RewardModel([model.Components[0]]).Head);
    }

    [Fact]
    public void The_explanation_of_several_heads_is_the_mean_of_theirs()
    {
        var component = RewardModels.Ensemble().Components[0];
        float[] v = [3, -2, 4];
        var whole = ScoreExplanation.Of(component, v);
        ScoreExplanation[] each = [.. component.Heads.Select(head => ScoreExplanation.Of(new RewardModel(component.Input, head, component.MeanInput.ToArray(), component.Metadata), v))];
        Assert.Equal(each.Average(one => one.Score), whole.Score, 1e-9);
        for (int i = 0; i < v.Length; i++) Assert.Equal(each.Average(one => one.Shares[i].Share), whole.Shares[i].Share, 1e-9);
        Assert.Equal(whole.Score - whole.MeanScore, whole.Shares.Sum(share => share.Share), 1e-9);
    }
}
