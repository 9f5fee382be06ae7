using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>The head's inputs for preference pairs: row i of each side belongs to pair i.</summary>
public sealed class PairInputs
{
    private readonly float[] _chosen, _rejected;

    /// <summary>Wraps rows [n, inputCount] of both sides; the arrays are not copied.</summary>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    /// <exception cref="SparseRMException">A value is NaN or infinite; names the pair.</exception>
    public PairInputs(float[] chosen, float[] rejected, int inputCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputCount);
        if (chosen.Length != rejected.Length || chosen.Length % inputCount != 0)
            throw new ArgumentException($"{chosen.Length} chosen and {rejected.Length} rejected values are not rows of {inputCount}");
        (_chosen, _rejected, InputCount) = (chosen, rejected, inputCount);
        RequireFinite(chosen, "preferred");
        RequireFinite(rejected, "rejected");
    }

    /// <summary>Width of a row.</summary>
    public int InputCount { get; }

    /// <summary>Number of pairs.</summary>
    public int Count => _chosen.Length / InputCount;

    /// <summary>Input of the preferred answer of a pair.</summary>
    public ReadOnlySpan<float> Chosen(int pair) => _chosen.AsSpan(pair * InputCount, InputCount);

    /// <summary>Input of the rejected answer of a pair.</summary>
    public ReadOnlySpan<float> Rejected(int pair) => _rejected.AsSpan(pair * InputCount, InputCount);

    private void RequireFinite(float[] values, string side)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new SparseRMException($"the head's input for the {side} answer of pair {i / InputCount} has {values[i]} at index {i % InputCount}; hidden states must be finite.");
        }
    }
}
