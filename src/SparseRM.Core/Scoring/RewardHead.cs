using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>The reward head: s(v) = W2 relu(W1 v + b1) + b2, one hidden layer, one output.</summary>
/// <remarks>Weights are float32, sums float64. Immutable and thread-safe. Source: arXiv 2511.07896 (2K-512-1).</remarks>
public sealed class RewardHead
{
    private readonly float[] _w1, _b1, _w2;

    /// <summary>Takes the arrays as they are (not copied).</summary>
    /// <param name="inputCount">Width of v.</param>
    /// <param name="hiddenUnits">Width of the hidden layer.</param>
    /// <param name="w1">W1 [hidden, in].</param>
    /// <param name="b1">b1 [hidden].</param>
    /// <param name="w2">W2 [hidden].</param>
    /// <param name="b2">b2.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public RewardHead(int inputCount, int hiddenUnits, float[] w1, float[] b1, float[] w2, float b2)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hiddenUnits);
        if (w1.Length != (long)inputCount * hiddenUnits || b1.Length != hiddenUnits || w2.Length != hiddenUnits)
            throw new ArgumentException($"a head {inputCount}-{hiddenUnits}-1 with {w1.Length}, {b1.Length} and {w2.Length} values in W1, b1 and W2");
        (InputCount, HiddenUnits, _w1, _b1, _w2, B2) = (inputCount, hiddenUnits, w1, b1, w2, b2);
    }

    /// <summary>Width of v.</summary>
    public int InputCount { get; }

    /// <summary>Width of the hidden layer.</summary>
    public int HiddenUnits { get; }

    /// <summary>W1 [hidden, in], row after row.</summary>
    public ReadOnlyMemory<float> W1 => _w1;

    /// <summary>b1 [hidden].</summary>
    public ReadOnlyMemory<float> B1 => _b1;

    /// <summary>W2 [hidden].</summary>
    public ReadOnlyMemory<float> W2 => _w2;

    /// <summary>b2.</summary>
    public float B2 { get; }

    /// <summary>The score of one input v [in].</summary>
    /// <exception cref="ArgumentException">v has another width.</exception>
    public double Score(ReadOnlySpan<float> v)
    {
        double score = B2;
        for (int unit = 0; unit < HiddenUnits; unit++)
        {
            double z = PreActivation(unit, v);
            if (z > 0) score += _w2[unit] * z;
        }
        return score;
    }

    /// <summary>d score / d v at v: W1 and W2 of the units that are on.</summary>
    internal double[] Slopes(ReadOnlySpan<float> v)
    {
        var slopes = new double[v.Length];
        for (int unit = 0; unit < HiddenUnits; unit++)
        {
            if (PreActivation(unit, v) <= 0) continue;
            var row = Row(unit);
            for (int i = 0; i < slopes.Length; i++) slopes[i] += (double)_w2[unit] * row[i];
        }
        return slopes;
    }

    /// <summary>Row <paramref name="unit"/> of W1.</summary>
    internal ReadOnlySpan<float> Row(int unit) => _w1.AsSpan(unit * InputCount, InputCount);

    /// <summary>W1[unit] v + b1[unit].</summary>
    internal double PreActivation(int unit, ReadOnlySpan<float> v) => DotProduct.Of(Row(unit), v) + _b1[unit];
}
