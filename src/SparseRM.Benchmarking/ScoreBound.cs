using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Benchmarking;

/// <summary>How far two correct ways of computing the scores of some texts may part; see <see cref="ScoreRounding"/>.</summary>
internal static class ScoreBound
{
    /// <summary>The bound for the worst of some texts, in units of the score.</summary>
    public static double Of(RewardScorer scorer, IReadOnlyList<TokenSequence> texts)
    {
        var (backbone, width) = (scorer.Backbone, scorer.Backbone.DModel);
        float[] states = backbone.ReadStates(texts, scorer.Layer);
        double error = ScoreRounding.RelativeError(backbone.Config, scorer.Layer + 1, texts.Max(text => text.Ids.Length), backbone.Compute);
        return Enumerable.Range(0, texts.Count)
            .Max(i => ScoreRounding.Bound(scorer.Reward.Input, scorer.Reward.Head, states.AsSpan(i * width, width), error));
    }
}
