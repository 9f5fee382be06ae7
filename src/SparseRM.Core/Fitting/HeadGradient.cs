using System.Runtime.Intrinsics;
using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>Loss and gradient of the head over a batch of pairs, in float64.</summary>
/// <remarks>
/// Z = W1 X^T + b1 [hidden, rows]; s = W2 relu(Z) + b2. With G[j, r] = (d loss / d s_r) W2[j] [Z[j, r] &gt; 0]: dW1 = G X, db1 = sum_r G[j, r],
/// dW2[j] = sum_r (d loss / d s_r) relu(Z[j, r]), db2 = sum_r d loss / d s_r. Rows whose score has no derivative (margin kept) are skipped.
/// The workspace is reused, so one object serves one thread at a time; the result does not depend on the number of threads.
/// </remarks>
internal sealed class HeadGradient
{
    private readonly int _inputs, _hidden, _maxPairs;
    private readonly double[] _rows, _columns, _z, _g, _scores, _slopes, _on;
    private readonly int[] _active;
    private readonly ParallelOptions _parallel;

    /// <summary>A workspace for batches of up to <paramref name="maxPairs"/> pairs.</summary>
    /// <exception cref="SparseRMException">The batch would not fit into memory.</exception>
    public HeadGradient(int inputCount, int hiddenUnits, int maxPairs, int threads = 1)
    {
        (_inputs, _hidden, _maxPairs) = (MatrixProduct.Pad(inputCount), MatrixProduct.Pad(hiddenUnits), maxPairs);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        int rows = MatrixProduct.Pad(2 * maxPairs);
        if ((long)rows * Math.Max(_inputs, _hidden) > 1 << 30)
            throw new SparseRMException($"a batch of {maxPairs} pairs of {inputCount} inputs is too large; use fewer pairs in a batch.");
        (_rows, _columns) = (new double[rows * _inputs], new double[rows * _inputs]);
        (_z, _g) = (new double[rows * _hidden], new double[rows * _hidden]);
        (_scores, _slopes, _on, _active) = (new double[rows], new double[rows], new double[rows], new int[rows]);
    }

    /// <summary>Puts pairs of <paramref name="inputs"/> into the batch, standardised.</summary>
    public void Load(PairInputs inputs, ReadOnlySpan<int> pairs, InputScaling scaling)
    {
        if (pairs.Length > _maxPairs || MatrixProduct.Pad(inputs.InputCount) != _inputs)
            throw new ArgumentException($"{pairs.Length} pairs of {inputs.InputCount} inputs in a batch of at most {_maxPairs}");
        for (int i = 0; i < pairs.Length; i++)
        {
            scaling.Apply(inputs.Chosen(pairs[i]), _rows.AsSpan(2 * i * _inputs, _inputs));
            scaling.Apply(inputs.Rejected(pairs[i]), _rows.AsSpan(((2 * i) + 1) * _inputs, _inputs));
        }
        Pairs = pairs.Length;
    }

    /// <summary>Pairs in the batch.</summary>
    public int Pairs { get; private set; }

    /// <summary>Mean loss of the batch and how many pairs the head orders rightly (ties are wrong).</summary>
    public (double Loss, int Correct) Evaluate(HeadParameters parameters, PreferenceLoss loss)
    {
        Forward(parameters);
        double sum = 0;
        int correct = 0;
        for (int i = 0; i < Pairs; i++)
        {
            sum += loss.Value(_scores[2 * i], _scores[(2 * i) + 1]);
            if (_scores[2 * i] > _scores[(2 * i) + 1]) correct++;
        }
        return (sum / Pairs, correct);
    }

    /// <summary>Writes the gradient of the mean loss and returns what <see cref="Evaluate"/> does.</summary>
    public (double Loss, int Correct) Compute(HeadParameters parameters, PreferenceLoss loss, HeadParameters gradient)
    {
        var result = Evaluate(parameters, loss);
        double bias = 0;
        int active = 0;
        for (int i = 0; i < Pairs; i++)
        {
            var (chosen, rejected) = loss.Derivatives(_scores[2 * i], _scores[(2 * i) + 1]);
            bias += (chosen + rejected) / Pairs;
            Keep(2 * i, chosen / Pairs);
            Keep((2 * i) + 1, rejected / Pairs);
        }
        Backward(parameters, gradient, active);
        gradient.B2 = bias;
        return result;

        void Keep(int row, double slope)
        {
            if (slope == 0) return;
            (_active[active], _slopes[active]) = (row, slope);
            active++;
        }
    }

    private int RowCount => MatrixProduct.Pad(2 * Pairs);

    private void Forward(HeadParameters parameters)
    {
        if (parameters.InputStride != _inputs || parameters.PaddedHidden != _hidden) throw new ArgumentException("the head is not of the workspace's size", nameof(parameters));
        int rows = RowCount;
        MatrixProduct.TimesTransposed(parameters.Values, _rows, _z, _hidden, rows, _inputs, _parallel);
        var scores = _scores.AsSpan(0, rows);
        scores.Fill(parameters.B2);
        for (int unit = 0; unit < parameters.HiddenUnits; unit++)
        {
            double bias = parameters.B1[unit], weight = parameters.W2[unit];
            var z = _z.AsSpan(unit * rows, rows);
            // Element by element, so that lanes change no bit; rows are padded to whole vectors.
            for (int r = 0; r < z.Length; r += MatrixProduct.Unit)
            {
                var value = Vector256.Create((ReadOnlySpan<double>)z.Slice(r, MatrixProduct.Unit)) + Vector256.Create(bias);
                value.CopyTo(z[r..]);
                (Vector256.Create((ReadOnlySpan<double>)scores.Slice(r, MatrixProduct.Unit)) + (Vector256.Max(value, Vector256<double>.Zero) * weight)).CopyTo(scores[r..]);
            }
        }
    }

    private void Backward(HeadParameters parameters, HeadParameters gradient, int active)
    {
        if (active == 0)
        {
            Array.Clear(gradient.Values);
            return;
        }
        // The product writes W1's part whole.
        Array.Clear(gradient.Values, _hidden * _inputs, gradient.Values.Length - (_hidden * _inputs));
        int rows = RowCount, padded = MatrixProduct.Pad(active);
        for (int i = 0; i < _inputs; i++)
        {
            var column = _columns.AsSpan(i * padded, padded);
            for (int a = 0; a < active; a++) column[a] = _rows[(_active[a] * _inputs) + i];
            column[active..].Clear();
        }
        Array.Clear(_g, 0, _hidden * padded);
        Span<double> on = _on.AsSpan(0, padded), slopes = _slopes.AsSpan(0, padded);
        on.Clear();
        slopes[active..].Clear();
        for (int unit = 0; unit < parameters.HiddenUnits; unit++)
        {
            var z = _z.AsSpan(unit * rows, rows);
            var g = _g.AsSpan(unit * padded, padded);
            double weight = parameters.W2[unit], toBias = 0, toWeight = 0;
            for (int a = 0; a < active; a++) on[a] = z[_active[a]];
            // Without a branch, which half of the units would miss: a unit that is off adds 0, in the same order.
            for (int a = 0; a < padded; a += MatrixProduct.Unit)
            {
                Vector256<double> value = Vector256.Create((ReadOnlySpan<double>)on.Slice(a, MatrixProduct.Unit)), slope = Vector256.Create((ReadOnlySpan<double>)slopes.Slice(a, MatrixProduct.Unit));
                Vector256.ConditionalSelect(Vector256.GreaterThan(value, Vector256<double>.Zero), slope * weight, Vector256<double>.Zero).CopyTo(g[a..]);
                (slope * Vector256.Max(value, Vector256<double>.Zero)).CopyTo(on[a..]);
            }
            for (int a = 0; a < active; a++)
            {
                toBias += g[a];
                toWeight += on[a];
            }
            gradient.B1[unit] = toBias;
            gradient.W2[unit] = toWeight;
        }
        MatrixProduct.TimesTransposed(_g, _columns, gradient.Values, _hidden, _inputs, padded, _parallel);
    }
}
