using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Scores the inputs of a reward model's probes again, as any other input is scored, and compares: a wrong model or kernel is found there.</summary>
internal static class KnownAnswers
{
    /// <summary>Checks known answers of every component, the shortest first; the agreements in their order.</summary>
    /// <param name="scorer">The attached reward model.</param>
    /// <param name="name">The reward file, for messages.</param>
    /// <param name="most">Answers of each component at most.</param>
    /// <param name="cancel">Heard while the call waits.</param>
    /// <exception cref="ModelFormatException">A probe's ids are not the model's.</exception>
    /// <exception cref="SparseRMException">A score is not that of the fit; names both.</exception>
    public static ProbeAgreement[] Check(RewardScorer scorer, string name, int most, CancellationToken cancel)
    {
        var agreements = new List<ProbeAgreement>();
        int first = 0;
        foreach (var component in scorer.Reward.Components)
        {
            if (component.Probe is { } probe)
            {
                TokenSequence[] sequences = [.. probe.Items.Take(most).Select(item => item.Sequence)];
                foreach (var sequence in sequences) RequireIds(name, scorer.Backbone.Config, sequence);
                float[][] found = scorer.HeadScores(sequences, cancel);
                for (int i = 0; i < sequences.Length; i++)
                {
                    var sequence = sequences[i];
                    agreements.Add(probe.Check(name, component.Name, i, found[i].AsSpan(first, component.Heads.Count), scorer.Backbone.Arithmetic,
                        component.Input.NeedsSae ? null : head => Bound(scorer, component, head, sequence, cancel)));
                }
            }
            first += component.Heads.Count;
        }
        return [.. agreements];
    }

    private static double Bound(RewardScorer scorer, RewardComponent component, int head, TokenSequence sequence, CancellationToken cancel)
    {
        float[] z = scorer.Backbone.ReadStates([sequence], scorer.Layer, null, cancel);
        DType?[] types = [scorer.Backbone.Compute, DTypes.ParseCompute(component.Metadata.DType)];
        var coarser = types.Contains(DType.I8) ? DType.I8 : types.Contains(DType.BF16) ? DType.BF16 : DType.F32;
        double error = ScoreRounding.RelativeError(scorer.Backbone.Config, scorer.Layer + 1, sequence.Ids.Length, coarser);
        return ScoreRounding.Bound(component.Input, component.Heads[head], z, error);
    }

    private static void RequireIds(string name, ModelConfig config, TokenSequence sequence)
    {
        if (sequence.Ids.Length > config.NCtx)
            throw new ModelFormatException(name, $"a known answer has {sequence.Ids.Length} tokens, the model's context is {config.NCtx}; fit again");
        foreach (int id in sequence.Ids.Span)
            if ((uint)id >= (uint)config.DVocab) throw new ModelFormatException(name, $"a known answer has token id {id}, the model's vocabulary is {config.DVocab}; fit again");
    }
}
