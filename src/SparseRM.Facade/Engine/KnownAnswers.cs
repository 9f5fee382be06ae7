using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Scores one known answer of each component when a reward model is attached: a wrong model or kernel is found there.</summary>
internal static class KnownAnswers
{
    /// <summary>Scores the shortest one of each component's probe, where it has a probe.</summary>
    /// <param name="name">The reward file, for messages.</param>
    /// <param name="backbone">What computes the states.</param>
    /// <param name="reward">The reward model.</param>
    /// <param name="attached">The same on the backend.</param>
    /// <exception cref="ModelFormatException">A probe's ids are not the model's.</exception>
    /// <exception cref="SparseRMException">A score is not that of the fit; names both.</exception>
    public static void Check(string name, Backbone backbone, RewardModel reward, AttachedReward attached)
    {
        int[] probed = [.. Enumerable.Range(0, reward.Components.Count).Where(c => reward.Components[c].Probe is not null)];
        if (probed.Length == 0) return;
        TokenSequence[] sequences = [.. probed.Select(c => reward.Components[c].Probe!.Items[0].Sequence)];
        foreach (var sequence in sequences) RequireIds(name, backbone.Config, sequence);
        var request = ScoreRequest.Of(sequences, attached, Priority.Interactive);
        backbone.Engine.Run(request);
        for (int i = 0; i < probed.Length; i++)
        {
            // A state that is not finite has scores that are not: the comparison names them.
            if (request.Errors?[i] is { } error && SparseRMException.KindOf(error) != ErrorKind.Numeric) throw error;
            var component = reward.Components[probed[i]];
            int start = reward.Components.Take(probed[i]).Sum(before => before.Heads.Count);
            component.Probe!.Check(name, component.Name, 0, request.Of(i).Slice(start, component.Heads.Count), backbone.Arithmetic,
                component.Input.NeedsSae ? null : BoundOf(backbone, component, sequences[i]));
        }
    }

    private static Func<int, double> BoundOf(Backbone backbone, RewardComponent component, TokenSequence sequence)
    {
        float[]? state = null;
        int layer = component.Metadata.Identity.Layer;
        var compute = backbone.Compute == DType.BF16 || component.Metadata.DType == "bf16" ? DType.BF16 : DType.F32;
        return head => ScoreRounding.Bound(component.Input, component.Heads[head], state ??= backbone.ReadStates([sequence], layer),
            ScoreRounding.RelativeError(backbone.Config, layer + 1, sequence.Ids.Length, compute));
    }

    private static void RequireIds(string name, ModelConfig config, TokenSequence sequence)
    {
        if (sequence.Ids.Length > config.NCtx)
            throw new ModelFormatException(name, $"a known answer has {sequence.Ids.Length} tokens, the model's context is {config.NCtx}; fit again");
        foreach (int id in sequence.Ids.Span)
            if ((uint)id >= (uint)config.DVocab) throw new ModelFormatException(name, $"a known answer has token id {id}, the model's vocabulary is {config.DVocab}; fit again");
    }
}
