using System.Runtime.Intrinsics;

namespace SparseRM.Fitting;

/// <summary>AdamW in float64: Adam with decoupled weight decay and bias correction.</summary>
/// <remarks>
/// p *= 1 - lr * wd; m = b1 * m + (1 - b1) * g; v = b2 * v + (1 - b2) * g^2; p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps),
/// with t from 1. Source: Loshchilov and Hutter 2019, in the form of torch.optim.AdamW.
/// </remarks>
internal sealed class AdamW
{
    private const int Chunk = 1 << 14;
    private readonly double[] _m, _v;
    private readonly ParallelOptions _parallel;
    private long _steps;

    /// <summary>An optimiser for <paramref name="parameterCount"/> values.</summary>
    public AdamW(int parameterCount, int threads = 1)
    {
        (_m, _v) = (new double[parameterCount], new double[parameterCount]);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
    }

    /// <summary>Step size.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the denominator.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Share of each value taken away per unit of step size.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>One step, in place.</summary>
    /// <exception cref="ArgumentException">A length differs from the optimiser's.</exception>
    public void Step(double[] parameters, double[] gradients)
    {
        if (parameters.Length != _m.Length || gradients.Length != _m.Length)
            throw new ArgumentException($"{parameters.Length} parameters and {gradients.Length} gradients for an optimiser of {_m.Length}");
        _steps++;
        double rate = LearningRate / (1 - Math.Pow(Beta1, _steps));
        double root = Math.Sqrt(1 - Math.Pow(Beta2, _steps));
        int chunks = (_m.Length + Chunk - 1) / Chunk;
        if (chunks == 1) Update(0);
        else Parallel.For(0, chunks, _parallel, Update);

        void Update(int chunk)
        {
            int start = chunk * Chunk, length = Math.Min(Chunk, _m.Length - start);
            Span<double> p = parameters.AsSpan(start, length), g = gradients.AsSpan(start, length);
            Span<double> m = _m.AsSpan(start, length), v = _v.AsSpan(start, length);
            int whole = length - (length % 4);
            for (int i = 0; i < whole; i += 4)
            {
                var gradient = Vector256.Create<double>(g.Slice(i, 4));
                var mean = (Vector256.Create<double>(m.Slice(i, 4)) * Beta1) + (gradient * (1 - Beta1));
                var square = (Vector256.Create<double>(v.Slice(i, 4)) * Beta2) + (gradient * gradient * (1 - Beta2));
                var value = Vector256.Create<double>(p.Slice(i, 4)) * (1 - (LearningRate * WeightDecay));
                value -= mean * rate / ((Vector256.Sqrt(square) / Vector256.Create(root)) + Vector256.Create(Epsilon));
                mean.CopyTo(m.Slice(i, 4));
                square.CopyTo(v.Slice(i, 4));
                value.CopyTo(p.Slice(i, 4));
            }
            for (int i = whole; i < length; i++)
            {
                m[i] = (m[i] * Beta1) + (g[i] * (1 - Beta1));
                v[i] = (v[i] * Beta2) + (g[i] * g[i] * (1 - Beta2));
                p[i] = (p[i] * (1 - (LearningRate * WeightDecay))) - (m[i] * rate / ((Math.Sqrt(v[i]) / root) + Epsilon));
            }
        }
    }
}
