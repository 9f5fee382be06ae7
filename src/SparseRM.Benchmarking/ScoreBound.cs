using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>How far two correct ways of computing a score may part: the rounding of the ops, carried to the score to first order.</summary>
/// <remarks>
/// <para>Rounding errors are as often up as down and independent (Higham and Mary 2019), so they add up in quadrature. A sum of n products errs by
/// sqrt(n) u of itself, u = 2^-24. A block is a chain of sums over d_model (two norms, q k v, gate and up), d_head and the number of keys
/// (attention), heads * d_head (output) and d_mlp (down). With BF16 products, each of its operands (four of products, four of attention) may be
/// rounded otherwise; independent roundings differ by sqrt(2/3) 2^-9 in the mean square.</para>
/// <para>Blocks add their branches to the residual stream z, which carries errors on; the norm before each branch keeps relative ones. So of two
/// ways, e^2 = 2 * blocks * (that of one), in units of |z|. An error of no special direction changes the score by |grad s| |z| e / sqrt(d_model);
/// the bound is c = 8 times that.</para>
/// </remarks>
public static class ScoreBound
{
    private const double U = 1.0 / (1 << 24), C = 8, HalfStep = 1.0 / (1 << 9);
    private const int RoundedOperands = 8;

    /// <summary>The bound for the worst of some texts, in units of the score.</summary>
    internal static double Of(RewardScorer scorer, IReadOnlyList<TokenSequence> texts)
    {
        var (model, width) = (scorer.Backbone.Model, scorer.Backbone.DModel);
        float[] states = scorer.Backbone.ReadStates(texts, scorer.Layer);
        double error = RelativeError(model.Config, scorer.Layer + 1, texts.Max(text => text.Ids.Length), model.Compute);
        double steepest = 0;
        for (int i = 0; i < texts.Count; i++)
        {
            var z = states.AsSpan(i * width, width);
            steepest = Math.Max(steepest, Norm(Gradient(scorer, z)) * Norm(z));
        }
        return C * steepest * error / Math.Sqrt(width);
    }

    /// <summary>e: by what share of its length the residual stream after some blocks differs between two ways, in the mean square.</summary>
    /// <param name="config">The model.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="keys">Tokens of the sequence.</param>
    /// <param name="compute">F32 or BF16.</param>
    public static double RelativeError(ModelConfig config, int blocks, int keys, DType compute)
    {
        double lengths = 4.0 * config.DModel + config.DHead + keys + config.NHeads * config.DHead + config.DMlp;
        double roundings = compute == DType.BF16 ? RoundedOperands * HalfStep * HalfStep / 3 : 0;
        return Math.Sqrt(2 * blocks * (lengths * U * U + roundings));
    }

    // W1 and the directions with the units that are active at z: d s / d z [d_model].
    private static float[] Gradient(RewardScorer scorer, ReadOnlySpan<float> z)
    {
        var (head, input) = (scorer.Reward.Head, scorer.Reward.Input);
        var v = new float[input.Count];
        input.Compute(z, v);
        var ofInput = new double[input.Count];
        for (int unit = 0; unit < head.HiddenUnits; unit++)
        {
            var row = head.W1.Span.Slice(unit * v.Length, v.Length);
            double before = head.B1.Span[unit];
            for (int j = 0; j < v.Length; j++) before += (double)row[j] * v[j];
            if (before <= 0) continue;
            for (int j = 0; j < v.Length; j++) ofInput[j] += (double)head.W2.Span[unit] * row[j];
        }
        var gradient = new float[z.Length];
        for (int j = 0; j < v.Length; j++)
            for (int i = 0; i < z.Length; i++) gradient[i] += (float)ofInput[j] * input.Directions.Span[j * z.Length + i];
        return gradient;
    }

    private static double Norm(ReadOnlySpan<float> x)
    {
        double sum = 0;
        foreach (float value in x) sum += (double)value * value;
        return Math.Sqrt(sum);
    }
}
