using CsCheck;
using SparseRM.Scoring;

namespace SparseRM.Core.Tests.Scoring;

public sealed class ScoreExplanationTests
{
    [Fact]
    public void Shares_add_up_to_the_score_above_the_mean_inputs()
    {
        Gen.Select(Gen.Long, Gen.Int[1, 200], Gen.Float[-30, 30].Array[RewardModels.DModel]).Sample((seed, hidden, v) =>
        {
            var model = RewardModels.Make(HeadInputKind.Dense, seed: seed, hidden: hidden);
            var explanation = ScoreExplanation.Of(model, v);
            Assert.Equal(model.Head.Score(v), explanation.Score);
            Assert.Equal(model.Head.Score(model.MeanInput.Span), explanation.MeanScore);
            Assert.Equal(explanation.Score - explanation.MeanScore, explanation.Shares.Sum(share => share.Share), 1e-9 * hidden);
        });
    }

    [Fact]
    public void Shares_equal_a_fine_numerical_integral_along_the_path()
    {
        var model = RewardModels.Make(HeadInputKind.Dense, seed: 3);
        float[] v = [3, -2, 0.5f, 4, -1, 2];
        var shares = ScoreExplanation.Of(model, v).Shares;
        const int steps = 20_000;
        var integral = new double[v.Length];
        float[] at = new float[v.Length];
        for (int step = 0; step < steps; step++)
        {
            double t = (step + 0.5) / steps;
            for (int i = 0; i < v.Length; i++) at[i] = (float)(model.MeanInput.Span[i] + (t * (v[i] - model.MeanInput.Span[i])));
            for (int unit = 0; unit < model.Head.HiddenUnits; unit++)
            {
                var row = model.Head.W1.Span.Slice(unit * v.Length, v.Length);
                double z = model.Head.B1.Span[unit];
                for (int i = 0; i < v.Length; i++) z += row[i] * at[i];
                if (z <= 0) continue;
                for (int i = 0; i < v.Length; i++) integral[i] += model.Head.W2.Span[unit] * row[i] * (v[i] - model.MeanInput.Span[i]) / steps;
            }
        }
        for (int i = 0; i < v.Length; i++) Assert.Equal(integral[i], shares[i].Share, 0.01);
    }

    [Fact]
    public void Hand_worked()
    {
        // s = 2 relu(v0 - v1) + 1 relu(v1 - 1), mean (0, 0), v (4, 2): z0 = 2t is on all the way, z1 = 2t - 1 on for t > 1/2.
        // Slopes: 2 * 1 for v0; 2 * -1 + 1 * 1/2 = -1.5 for v1. Shares 8 and -3; score 2 * 2 + 1 = 5.
        var head = new RewardHead(2, 2, [1, -1, 0, 1], [0, -1], [2, 1], 0);
        var model = new RewardModel(new HeadInput(HeadInputKind.Dense, 2, null, [], null), head, [0, 0], TestRewards.Metadata());
        var explanation = ScoreExplanation.Of(model, [4, 2]);
        Assert.Equal((5.0, 0.0), (explanation.Score, explanation.MeanScore));
        Assert.Equal([8.0, -3.0], explanation.Shares.Select(share => share.Share));
        Assert.Equal([0, 1], explanation.Top(5).Select(share => share.Index));
        Assert.Equal(0, Assert.Single(explanation.Top(1)).Index);
        // A token whose projection on direction 1 is 4 pushes by -1.5 * 4.
        Assert.Equal(-6.0, explanation.Shares[1].Push(4));
    }

    [Fact]
    public void Names_the_latents_behind_the_directions()
    {
        var model = RewardModels.Make(HeadInputKind.Projection);
        var shares = ScoreExplanation.Of(model, [1, 2, 3]).Shares;
        Assert.Equal([7, 2, 4], shares.Select(share => share.Latent!.Value.Latent));
        Assert.Equal([1, 1, -1], shares.Select(share => share.Latent!.Value.Sign));
        Assert.All(ScoreExplanation.Of(RewardModels.Make(HeadInputKind.Random), [1, 2, 3, 4]).Shares, share => Assert.Null(share.Latent));
        Assert.Throws<ArgumentException>(() => ScoreExplanation.Of(model, [1, 2]));
    }
}
