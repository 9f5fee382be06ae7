using SparseRM.Engine;
using SparseRM.Models;

namespace SparseRM.Research.Monitoring;

/// <summary>What a monitor sees of a scored answer.</summary>
/// <param name="Values">Its score, and what each direction reads where that is known.</param>
/// <param name="Novelty">How unlike the training data it is; null where that is not known.</param>
public sealed record Observation(float[] Values, double? Novelty)
{
    /// <summary>Its score.</summary>
    public float Score => Values[0];

    /// <summary>Scores answers in one pass, and keeps what each direction read.</summary>
    /// <param name="scorer">The reward model; its inputs must need no SAE.</param>
    /// <param name="answers">The answers.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="Errors.SparseRMException">A state is not finite.</exception>
    public static Observation[] Of(RewardScorer scorer, IReadOnlyList<EncodedInput> answers, CancellationToken cancel)
    {
        var reward = scorer.Reward;
        var found = new Observation[answers.Count];
        float[] block = [];
        int width = scorer.Backbone.DModel;
        scorer.Backbone.Engine.Run(StatesRequest.Of([.. answers.Select(answer => answer.ReadAt(scorer.Position))], scorer.Layer, (states, numbers) =>
        {
            int length = states.Rows * states.Columns;
            if (block.Length < length) block = new float[length];
            StateReading.DownloadFinite(scorer.Backbone.Backend, states, block, scorer.Layer);
            for (int n = 0; n < numbers.Length; n++) found[numbers.Span[n]] = Of(reward, block.AsSpan(n * width, width));
        }), null, cancel);
        return found;
    }

    private static Observation Of(Scoring.RewardModel reward, ReadOnlySpan<float> state)
    {
        float[] values = new float[1 + reward.Components.Sum(component => component.Input.Count)], heads = new float[reward.HeadCount];
        var novelty = new double[reward.Components.Count];
        int at = 1, head = 0;
        for (int c = 0; c < reward.Components.Count; c++)
        {
            var component = reward.Components[c];
            var v = values.AsSpan(at, component.Input.Count);
            component.Input.Compute(state, v);
            component.HeadScores(v, heads.AsSpan(head));
            if (component.Novelty is { } estimator) novelty[c] = estimator.Of(v);
            (at, head) = (at + v.Length, head + component.Heads.Count);
        }
        values[0] = reward.Total(heads);
        return new Observation(values, reward.HasNovelty ? reward.Novelty(novelty) : null);
    }
}
