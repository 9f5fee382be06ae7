using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Scoring;

/// <summary>How far two correct ways of computing a score may part: the rounding of the ops, carried to the score to first order.</summary>
/// <remarks>
/// <para>Rounding errors are as often up as down and independent (Higham and Mary 2019), so they add up in quadrature. A sum of n products errs by
/// sqrt(n) u of itself, u = 2^-24. A block is a chain of sums over d_model (two norms, q k v, gate and up), d_head and the number of keys
/// (attention), heads * d_head (output) and d_mlp (down). With BF16 products, each of its operands (four of products, four of attention) may be
/// rounded otherwise; independent roundings differ by sqrt(2/3) 2^-9 in the mean square. With I8 products the four of attention are, and the
/// operands and weights of the four products err by up to half a step of max / 127 each, sqrt(1/12) step in the mean square, where the largest
/// element of a row is taken to be no more than eight times the mean square.</para>
/// <para>Blocks add their branches to the residual stream z, which carries errors on; the norm before each branch keeps relative ones. So of two
/// ways, e^2 = 2 * blocks * (that of one), in units of |z|. An error of no special direction changes the score by |grad s| |z| e / sqrt(d_model);
/// the bound is c = 8 times that. A latent whose gate is so near its threshold that such an error may switch it adds the jump that it would make.</para>
/// </remarks>
public static class ScoreRounding
{
    private const double U = 1.0 / (1 << 24), C = 8, HalfStep = 1.0 / (1 << 9);
    private const int RoundedOperands = 8, RoundedByAttention = 4, Products = 4;
    private const double StepOfI8 = 8.0 / 127;

    /// <summary>e: by what share of its length the residual stream after some blocks differs between two ways, in the mean square.</summary>
    /// <param name="config">The model.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="keys">Tokens of the sequence.</param>
    /// <param name="compute">F32, BF16 or I8: the coarser of the two ways.</param>
    public static double RelativeError(ModelConfig config, int blocks, int keys, DType compute)
    {
        double lengths = 4.0 * config.DModel + config.DHead + keys + config.NHeads * config.DHead + config.DMlp;
        double roundings = compute switch
        {
            DType.F32 => 0,
            DType.BF16 => RoundedOperands * HalfStep * HalfStep / 3,
            _ => (RoundedByAttention * HalfStep * HalfStep / 3) + (2 * Products * StepOfI8 * StepOfI8 / 12),
        };
        return Math.Sqrt(2 * blocks * (lengths * U * U + roundings));
    }

    /// <summary>The bound on a head's score at a hidden state.</summary>
    /// <param name="input">v from z; not one that <see cref="HeadInput.NeedsSae"/>.</param>
    /// <param name="head">Score from v.</param>
    /// <param name="z">The hidden state [d_model], computed one of the two ways.</param>
    /// <param name="relativeError">e, from <see cref="RelativeError"/>.</param>
    public static double Bound(HeadInput input, RewardHead head, ReadOnlySpan<float> z, double relativeError)
    {
        var v = new float[input.Count];
        input.Compute(z, v);
        double[] ofInput = head.Slopes(v);
        double error = C * relativeError * Norm(z) / Math.Sqrt(z.Length);
        var gradient = new double[z.Length];
        double jumps = 0;
        if (input.Kind == HeadInputKind.Dense) gradient = ofInput;
        else if (input.Gates is { } gates) jumps = OfGates(gates, z, v, ofInput, error, gradient);
        else
            for (int j = 0; j < v.Length; j++) Add(gradient, ofInput[j], input.Directions.Span.Slice(j * z.Length, z.Length));
        return (error * Math.Sqrt(gradient.Sum(x => x * x))) + jumps;
    }

    private static double OfGates(LatentGates gates, ReadOnlySpan<float> z, float[] v, double[] ofInput, double error, double[] gradient)
    {
        double jumps = 0;
        for (int j = 0; j < v.Length; j++)
        {
            var row = gates.Encoder.Span.Slice(j * z.Length, z.Length);
            if (v[j] > 0) Add(gradient, ofInput[j] * gates.Scale.Span[j], row);
            double threshold = (double)gates.Threshold.Span[j] - gates.GateBias.Span[j];
            if (Math.Abs(DotProduct.Of(row, z) - threshold) <= error * Norm(row))
                jumps += Math.Abs(ofInput[j]) * Math.Max(0, (gates.Scale.Span[j] * threshold) + gates.MagnitudeBias.Span[j]);
        }
        return jumps;
    }

    private static void Add(double[] sum, double factor, ReadOnlySpan<float> row)
    {
        for (int i = 0; i < sum.Length; i++) sum[i] += factor * row[i];
    }

    private static double Norm(ReadOnlySpan<float> x)
    {
        double sum = 0;
        foreach (float value in x) sum += (double)value * value;
        return Math.Sqrt(sum);
    }
}
