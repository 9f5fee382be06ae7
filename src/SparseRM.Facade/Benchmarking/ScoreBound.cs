using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>How far two correct ways of computing may part: the bounds of the ops, carried to the score to first order.</summary>
/// <remarks>
/// <para>A sum of n products in any fixed order errs by c sqrt(n) u of its size, u = 2^-24, c = 8 (Higham and Mary 2019). A block is a chain of
/// reductions of d_model (twice for norms, q k v, gate and up), d_head and the number of keys (attention), heads * d_head (output) and d_mlp
/// (down), so two variants part by twice the sum of these. With BF16 products an operand on the edge of two numbers may be rounded to either,
/// which is one unit, 2^-8, of it at worst for each of the four operands of a block.</para>
/// <para>Blocks add their branches to the residual stream z, which carries what was there before on; the norm before each branch keeps relative
/// errors. So the errors of all blocks add up: |dz| &lt;= blocks * (that of one) * |z|. The head is Lipschitz with
/// sum_u |w2_u| |row u of W1 D|, D the directions.</para>
/// </remarks>
public static class ScoreBound
{
    private const double U = 1.0 / (1 << 24), C = 8, Step = 1.0 / (1 << 8);
    private const int RoundedOperands = 4;

    /// <summary>The bound for the worst of some texts, in units of the score.</summary>
    internal static double Of(RewardScorer scorer, IReadOnlyList<TokenSequence> texts)
    {
        var (model, width) = (scorer.Reader.Model, scorer.Reader.DModel);
        float[] states = scorer.Reader.Read(texts);
        double largest = Enumerable.Range(0, texts.Count).Max(i => Norm(states.AsSpan(i * width, width)));
        double relative = (model.LastLayer + 1) * OfBlock(model.Config, texts.Max(text => text.Ids.Length), model.Compute);
        return relative * largest * Steepness(scorer);
    }

    /// <summary>By what share of itself a block's branches may part.</summary>
    public static double OfBlock(ModelConfig config, int keys, DType compute)
    {
        int[] lengths = [config.DModel, config.DModel, config.DModel, config.DModel, config.DHead, keys, config.NHeads * config.DHead, config.DMlp];
        return 2 * C * U * lengths.Sum(length => Math.Sqrt(length)) + (compute == DType.BF16 ? RoundedOperands * Step : 0);
    }

    // How much the score can change for a change of z of length 1.
    private static double Steepness(RewardScorer scorer)
    {
        var (head, input, width) = (scorer.Reward.Head, scorer.Reward.Input, scorer.Reader.DModel);
        var directions = input.Directions.Span;
        double sum = 0;
        var row = new float[width];
        for (int unit = 0; unit < head.HiddenUnits; unit++)
        {
            Array.Clear(row);
            var weights = head.W1.Span.Slice(unit * input.Count, input.Count);
            for (int j = 0; j < weights.Length; j++)
                for (int i = 0; i < width; i++) row[i] += weights[j] * directions[j * width + i];
            sum += Math.Abs(head.W2.Span[unit]) * Norm(row);
        }
        return sum;
    }

    private static double Norm(ReadOnlySpan<float> x)
    {
        double sum = 0;
        foreach (float value in x) sum += (double)value * value;
        return Math.Sqrt(sum);
    }
}
