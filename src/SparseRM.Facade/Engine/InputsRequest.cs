using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>One text of which all tokens' head inputs are wanted, and its score: what an explanation needs, from one pass.</summary>
/// <remarks>Two sequences of the same ids, so that the second one computes nothing: every token, and what the reward model reads.</remarks>
internal sealed class InputsRequest(EncodedInput input, ReadOutPosition position, AttachedReward reward, int dModel, Backends.Backend backend)
    : ForwardRequest([new(input.Ids, ReadOut.Each(0, input.Ids.Length)), input.ReadAt(position)], [0, 1])
{
    /// <summary>The score.</summary>
    public float Score { get; private set; }

    /// <summary>v of each token, then v of the score: [tokens + 1, inputs].</summary>
    public float[] Inputs { get; private set; } = [];

    /// <inheritdoc/>
    public override int[] Layers => reward.Layers;

    /// <inheritdoc/>
    public override object Consumer => this;

    /// <inheritdoc/>
    public override void Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        ObjectDisposedException.ThrowIf(reward.IsClosed, typeof(RewardScorer));
        foreach (var part in parts)
        {
            // Both in one batch, or one after the other where they do not fit.
            bool hasTokens = part.First == 0, hasScore = part.First + part.Count == 2;
            int rows = states[0].Rows;
            var host = new float[rows * dModel];
            StateReading.DownloadFinite(backend, states[0], host, Layers[0]);
            float[] inputs = reward.Inputs(host).ToArray();
            Inputs = hasTokens ? inputs : [.. Inputs, .. inputs];
            if (hasScore) Score = reward.Score(states[0].RowRange(rows - 1, 1))[0];
        }
    }
}
