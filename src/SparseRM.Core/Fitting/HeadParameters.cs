using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>The head's weights (or their gradients) in float64 while it is trained: one flat array, so that the optimiser sees one vector.</summary>
/// <remarks>
/// Layout: W1 [hidden, <see cref="InputStride"/>], b1, W2, b2. Inputs and hidden units are padded with zeros to multiples of four; a padded value has no
/// gradient, so it stays 0.
/// </remarks>
internal sealed class HeadParameters
{
    private readonly int _paddedHidden;

    /// <summary>All zero.</summary>
    /// <exception cref="SparseRMException">A size is not positive or the head would not fit into memory.</exception>
    public HeadParameters(int inputCount, int hiddenUnits)
    {
        if (inputCount <= 0 || hiddenUnits <= 0) throw new SparseRMException($"a head of {inputCount} inputs and {hiddenUnits} hidden units cannot be; both must be at least 1.");
        long size = ((long)inputCount + 6) * ((long)hiddenUnits + 3);
        if (size > 1 << 30) throw new SparseRMException($"a head of {inputCount} inputs and {hiddenUnits} hidden units is too large; use fewer hidden units.");
        (InputCount, HiddenUnits) = (inputCount, hiddenUnits);
        (InputStride, _paddedHidden) = (MatrixProduct.Pad(inputCount), MatrixProduct.Pad(hiddenUnits));
        Values = new double[(_paddedHidden * (InputStride + 2)) + MatrixProduct.Unit];
    }

    /// <summary>Width of the input.</summary>
    public int InputCount { get; }

    /// <summary>Number of hidden units.</summary>
    public int HiddenUnits { get; }

    /// <summary>Values from one row of W1 to the next.</summary>
    public int InputStride { get; }

    /// <summary>All values, padding included.</summary>
    public double[] Values { get; }

    /// <summary>Row <paramref name="unit"/> of W1, without padding.</summary>
    public Span<double> W1(int unit) => Values.AsSpan(unit * InputStride, InputCount);

    /// <summary>b1 [hidden].</summary>
    public Span<double> B1 => Values.AsSpan(_paddedHidden * InputStride, HiddenUnits);

    /// <summary>W2 [hidden].</summary>
    public Span<double> W2 => Values.AsSpan(_paddedHidden * (InputStride + 1), HiddenUnits);

    /// <summary>b2.</summary>
    public ref double B2 => ref Values[_paddedHidden * (InputStride + 2)];

    /// <summary>Hidden units with those that fill up the last four.</summary>
    public int PaddedHidden => _paddedHidden;

    /// <summary>b1 with its padding.</summary>
    public Span<double> PaddedB1 => Values.AsSpan(_paddedHidden * InputStride, _paddedHidden);

    /// <summary>W2 with its padding.</summary>
    public Span<double> PaddedW2 => Values.AsSpan(_paddedHidden * (InputStride + 1), _paddedHidden);

    /// <summary>Uniform in +-1/sqrt(inputs of the layer) for weights and biases, as torch.nn.Linear begins.</summary>
    public void Initialise(SeededRandom random)
    {
        double first = 1 / Math.Sqrt(InputCount), second = 1 / Math.Sqrt(HiddenUnits);
        for (int unit = 0; unit < HiddenUnits; unit++) Fill(W1(unit), first, random);
        Fill(B1, first, random);
        Fill(W2, second, random);
        B2 = ((2 * random.NextDouble()) - 1) * second;
    }

    /// <summary>The head that gives for raw inputs what these weights give for standardised ones: W1' = W1 / sd, b1' = b1 - W1 (mean / sd).</summary>
    public RewardHead Fold(InputScaling scaling)
    {
        var w1 = new float[(long)HiddenUnits * InputCount];
        var b1 = new float[HiddenUnits];
        for (int unit = 0; unit < HiddenUnits; unit++)
        {
            double bias = B1[unit];
            var weights = W1(unit);
            for (int i = 0; i < InputCount; i++)
            {
                // The rounded weight also moves the bias, so that the rounding of W1 is not multiplied by a mean far from 0.
                float folded = (float)(weights[i] * scaling.InverseDeviation[i]);
                w1[(unit * (long)InputCount) + i] = folded;
                bias -= folded * scaling.Mean[i];
            }
            b1[unit] = (float)bias;
        }
        var w2 = new float[HiddenUnits];
        for (int unit = 0; unit < HiddenUnits; unit++) w2[unit] = (float)W2[unit];
        return new RewardHead(InputCount, HiddenUnits, w1, b1, w2, (float)B2);
    }

    private static void Fill(Span<double> values, double bound, SeededRandom random)
    {
        for (int i = 0; i < values.Length; i++) values[i] = ((2 * random.NextDouble()) - 1) * bound;
    }
}
