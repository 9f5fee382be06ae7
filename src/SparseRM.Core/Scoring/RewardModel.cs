using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>A fitted reward model: how to make v from a hidden state, the head, and where both come from. Immutable and thread-safe.</summary>
public sealed class RewardModel
{
    /// <summary>Puts the parts together.</summary>
    /// <param name="input">v from z.</param>
    /// <param name="head">Score from v.</param>
    /// <param name="meanInput">[in]: mean training input.</param>
    /// <param name="metadata">Where it comes from.</param>
    /// <exception cref="ArgumentException">The widths differ.</exception>
    public RewardModel(HeadInput input, RewardHead head, float[] meanInput, RewardModelMetadata metadata)
    {
        if (input.Count != head.InputCount || meanInput.Length != input.Count)
            throw new ArgumentException($"an input of width {input.Count}, a head of {head.InputCount} and a mean of {meanInput.Length}");
        (Input, Head, MeanInput, Metadata) = (input, head, meanInput, metadata);
    }

    /// <summary>v from z.</summary>
    public HeadInput Input { get; }

    /// <summary>Score from v.</summary>
    public RewardHead Head { get; }

    /// <summary>[in]: mean training input, the reference point of explanations.</summary>
    public ReadOnlyMemory<float> MeanInput { get; }

    /// <summary>Where it comes from.</summary>
    public RewardModelMetadata Metadata { get; }

    /// <summary>The score of a hidden state z [d_model].</summary>
    /// <exception cref="SparseRMException">z is not finite, or the input needs the SAE (<see cref="HeadInput.NeedsSae"/>).</exception>
    public double Score(ReadOnlySpan<float> z)
    {
        var v = new float[Input.Count];
        Input.Compute(z, v);
        return Head.Score(v);
    }
}
