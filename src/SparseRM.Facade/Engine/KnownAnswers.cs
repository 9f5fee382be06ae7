using SparseRM.Models;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Scores the inputs of a reward model's probes again, as any other input is scored, and compares.</summary>
internal static class KnownAnswers
{
    /// <summary>Checks every known answer of every component; the agreements in their order.</summary>
    /// <exception cref="Errors.SparseRMException">One is wrong; names both scores.</exception>
    public static ProbeAgreement[] Check(RewardScorer scorer, string name, CancellationToken cancel)
    {
        var agreements = new List<ProbeAgreement>();
        int first = 0;
        foreach (var component in scorer.Reward.Components)
        {
            if (component.Probe is { } probe)
            {
                var sequences = probe.Items.Select(item => item.Sequence).ToArray();
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
        bool inBf16 = scorer.Backbone.Compute == DType.BF16 || component.Metadata.DType == "bf16";
        double error = ScoreRounding.RelativeError(scorer.Backbone.Config, scorer.Layer + 1, sequence.Ids.Length, inBf16 ? DType.BF16 : DType.F32);
        return ScoreRounding.Bound(component.Input, component.Heads[head], z, error);
    }
}
