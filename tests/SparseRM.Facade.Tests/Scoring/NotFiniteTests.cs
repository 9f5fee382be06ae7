using SparseRM.Data;
using SparseRM.Facade.Tests.Models;
using SparseRM.Fitting;
using SparseRM.Scoring;
using SparseRM.Text;

namespace SparseRM.Facade.Tests.Scoring;

/// <summary>A state that is not finite is refused and never becomes a score.</summary>
public sealed class NotFiniteTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_text_whose_state_is_NaN_is_refused_and_not_scored(int heads)
    {
        const int DModel = 192;
        IReadOnlyList<Message> bad = [new("user", "Is it early?"), new("assistant", "Yes.")], good = [new("user", "Why?"), new("assistant", "No.")];
        int token;
        using (var whole = Backbone.Open(World.Backbone, layer: 1))
            token = whole.Encoder.Encode(bad).Ids.ToArray().Except(whole.Encoder.Encode(good).Ids.ToArray()).First();
        using var model = WeightEdits.Changed("model.embed_tokens.weight", values => values[(token * DModel) + 7] = float.NaN);
        string path = model.File("reward.safetensors");
        RewardModelFile.Save(path, Reward(model.Path, heads));
        using var scorer = RewardScorer.Open(path, World.Backbone with { Model = model.Path });
        Assert.True(float.IsFinite(scorer.Score(good)));
        World.Refuses(() => scorer.Score(bad), "NaN");
        World.Refuses(() => scorer.ScoreBatch([scorer.Encode(good), scorer.Encode(bad)]), "NaN");

        var data = PreferenceSet.Of([PreferenceItem.Of("Why?", "No.", "No. No."), PreferenceItem.Of("Is it early?", "Yes.", "No."), PreferenceItem.Of("Why?", "No. No.", "No.")]);
        World.Refuses(() => scorer.Evaluate(data), "NaN");
        var (kept, scores) = ScorableItems.Score(data, scorer);
        Assert.Equal((2, 1L, 2), (kept.Items.Count, kept.Skipped.Count, scores.Count));
        Assert.Contains("item 2: ", kept.Skipped.FirstReasons[0].Replace("line 2", "item 2", StringComparison.Ordinal));
        Assert.Equal(scorer.Score(good), scores[0].Chosen[0]);
        Assert.Equal(scores[0].Chosen[0], scores[1].Rejected[0]);
        World.Refuses(() => ScorableItems.Score(data with { Items = [data.Items[1]] }, scorer), "no other row can be scored");
    }

    private static RewardModel Reward(string model, int heads)
    {
        using var backbone = Backbone.Open(World.Backbone with { Model = model }, layer: 1);
        var random = new SeededRandom(1);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())];
        var input = HeadInputs.Random(4, backbone.DModel, seed: 1);
        return new RewardModel([new RewardComponent(
            RewardComponent.DefaultName, 1, input, [.. Enumerable.Range(0, heads).Select(_ => new RewardHead(input.Count, 3, Values(3 * input.Count), Values(3), Values(3), 0))],
            new float[input.Count], new RewardModelMetadata
            {
                Identity = backbone.Identity(1, SparseRM.Models.ReadOutPosition.Last), TemplateSource = backbone.Template!.Source, DType = "bf16", Loss = "margin", Margin = 1, K = 4, Seed = 1, DataHash = "none",
                Pairs = 1, HeldOutPairs = 0, EngineVersion = RewardTrainer.EngineVersion,
            })]);
    }
}
