using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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
    // Hidden units that are worked on together; padded ones have weights of 0 and add nothing.
    private const int Units = MatrixProduct.Unit;
    private readonly int _inputs, _hidden, _maxPairs;
    private readonly double[] _rows, _z, _g, _scores, _slopes, _on;
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
        _rows = new double[rows * _inputs];
        (_z, _g) = (new double[rows * _hidden], new double[rows * _hidden]);
        (_scores, _slopes, _on, _active) = (new double[rows], new double[rows], new double[Units * rows], new int[rows]);
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
        ReadOnlySpan<double> bias = parameters.PaddedB1, weight = parameters.PaddedW2;
        for (int unit = 0; unit < _hidden; unit += Units)
        {
            ref double z = ref _z[unit * rows], sums = ref _scores[0];
            // Element by element and unit after unit, so that lanes change no bit; rows are padded to whole vectors.
            for (nuint r = 0; r < (nuint)rows; r += MatrixProduct.Unit)
            {
                var sum = Vector256.LoadUnsafe(ref sums, r);
                for (int u = 0; u < Units; u++)
                {
                    nuint at = (nuint)(u * rows) + r;
                    var value = Vector256.LoadUnsafe(ref z, at) + Vector256.Create(bias[unit + u]);
                    value.StoreUnsafe(ref z, at);
                    sum += Vector256.Max(value, Vector256<double>.Zero) * weight[unit + u];
                }
                sum.StoreUnsafe(ref sums, r);
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
        int rows = RowCount, padded = MatrixProduct.Pad(active);
        _slopes.AsSpan(active, padded - active).Clear();
        // All rows as they lie, or those with a slope side by side.
        bool isAll = active == rows;
        if (!isAll) _on.AsSpan(0, Units * padded).Clear();
        ReadOnlySpan<double> weight = parameters.PaddedW2;
        Span<double> toBias = gradient.PaddedB1, toWeight = gradient.PaddedW2;
        for (int unit = 0; unit < _hidden; unit += Units)
        {
            if (!isAll)
                for (int u = 0; u < Units; u++) Gather(_z.AsSpan((unit + u) * rows, rows), active, _on.AsSpan(u * padded, active));
            ref double z = ref isAll ? ref _z[unit * rows] : ref _on[0];
            var (bias, product) = BackwardUnits(ref z, ref _g[unit * padded], (nuint)padded, weight.Slice(unit, Units));
            bias.CopyTo(toBias[unit..]);
            product.CopyTo(toWeight[unit..]);
        }
        MatrixProduct.TimesRows(_g, _rows, _active.AsMemory(0, active), gradient.Values, _hidden, _inputs, padded, _parallel);
    }

    private void Gather(ReadOnlySpan<double> z, int active, Span<double> target)
    {
        for (int a = 0; a < active; a++) target[a] = z[_active[a]];
    }

    /// <summary>G of four units over their rows, and the sums over those, row after row: the lanes of a sum are the units.</summary>
    private (Vector256<double> Bias, Vector256<double> Weight) BackwardUnits(ref double z, ref double g, nuint rows, ReadOnlySpan<double> weight)
    {
        Vector256<double> bias = default, product = default;
        Vector256<double> w0 = Vector256.Create(weight[0]), w1 = Vector256.Create(weight[1]), w2 = Vector256.Create(weight[2]), w3 = Vector256.Create(weight[3]);
        for (nuint r = 0; r < rows; r += MatrixProduct.Unit)
        {
            var slope = Vector256.LoadUnsafe(ref _slopes[0], r);
            var (g0, p0) = Unit(ref z, ref g, r, slope, w0);
            var (g1, p1) = Unit(ref z, ref g, rows + r, slope, w1);
            var (g2, p2) = Unit(ref z, ref g, (2 * rows) + r, slope, w2);
            var (g3, p3) = Unit(ref z, ref g, (3 * rows) + r, slope, w3);
            bias = AddRows(bias, g0, g1, g2, g3);
            product = AddRows(product, p0, p1, p2, p3);
        }
        return (bias, product);
    }

    // Without a branch, which half of the units would miss: a unit that is off adds 0, in the same order.
    private static (Vector256<double> G, Vector256<double> Product) Unit(ref double z, ref double g, nuint at, Vector256<double> slope, Vector256<double> weight)
    {
        var value = Vector256.LoadUnsafe(ref z, at);
        var own = Vector256.ConditionalSelect(Vector256.GreaterThan(value, Vector256<double>.Zero), slope * weight, Vector256<double>.Zero);
        own.StoreUnsafe(ref g, at);
        return (own, slope * Vector256.Max(value, Vector256<double>.Zero));
    }

    /// <summary>Adds what four units have in each of four rows, the first row first.</summary>
    private static Vector256<double> AddRows(Vector256<double> sum, Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d)
    {
        // Units by rows to rows by units.
        var (low, high) = (Pairs(a, b), Pairs(c, d));
        sum += Vector256.Create(low.Even.GetLower(), high.Even.GetLower());
        sum += Vector256.Create(low.Odd.GetLower(), high.Odd.GetLower());
        sum += Vector256.Create(low.Even.GetUpper(), high.Even.GetUpper());
        return sum + Vector256.Create(low.Odd.GetUpper(), high.Odd.GetUpper());

        static (Vector256<double> Even, Vector256<double> Odd) Pairs(Vector256<double> x, Vector256<double> y) =>
            Avx.IsSupported ? (Avx.UnpackLow(x, y), Avx.UnpackHigh(x, y)) : (Vector256.Create(x[0], y[0], x[2], y[2]), Vector256.Create(x[1], y[1], x[3], y[3]));
    }
}
