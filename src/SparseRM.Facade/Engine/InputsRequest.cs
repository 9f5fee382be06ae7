using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Sequences that are scored and whose states' head inputs v are wanted on the host, too: for novelty and explanations, from the same pass.</summary>
internal sealed class InputsRequest : ScoreRequest
{
    private InputsRequest(TokenSequence[] sequences, int[] numbers, AttachedReward reward) : base(sequences, numbers, reward) =>
        Inputs = new float[sequences.Length][][];

    /// <summary>As <see cref="ScoreRequest.Of(IReadOnlyList{TokenSequence}, AttachedReward, Priority)"/>.</summary>
    public static new InputsRequest Of(IReadOnlyList<TokenSequence> sequences, AttachedReward reward, Priority priority)
    {
        var (sorted, numbers) = Sorted(sequences);
        return new InputsRequest(sorted, numbers, reward) { Priority = priority, KeepsPrefixes = priority == Priority.Interactive };
    }

    /// <summary>By number of the sequence and of the component: v of each state, [states, inputs]; null where there is an error.</summary>
    public float[]?[][] Inputs { get; }

    /// <inheritdoc/>
    public override object Consumer => this;

    /// <inheritdoc/>
    protected override bool KeepsStates => true;

    /// <inheritdoc/>
    public override void Place(PendingScores scores, ReadOnlySpan<BatchPart> parts)
    {
        base.Place(scores, parts);
        var (part, width) = (parts[0], Reward.Reward.DModel);
        int row = 0;
        for (int i = part.First; i < part.First + part.Count; i++)
        {
            int rows = Sequences[i].ReadOut.States, number = Numbers[i];
            var own = Reward.States.Slice(row * width, rows * width);
            row += rows;
            Inputs[number] = new float[Reward.Components.Count][];
            if (Errors?[number] is not null) continue;
            for (int c = 0; c < Reward.Components.Count; c++) Inputs[number][c] = Reward.Components[c].Inputs(own).ToArray();
        }
    }
}
