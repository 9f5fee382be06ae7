using SparseRM.Tensors;

namespace SparseRM.Backends.Reference;

/// <summary>Attention of one segment, one query and head at a time, in float64.</summary>
internal static class ReferenceAttention
{
    public static void Run(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, in AttentionSegment segment, in AttentionOptions options, Operand y)
    {
        int group = options.NHeads / options.NKvHeads;
        var weights = new double[segment.PrefixCount + segment.KeyCount];
        for (int row = segment.QueryStart; row < segment.QueryStart + segment.QueryCount; row++)
        {
            int last = positions[row], first = options.Window > 0 ? Math.Max(0, last - options.Window + 1) : 0;
            for (int head = 0; head < options.NHeads; head++)
            {
                var query = q.Row(row).Slice(head * options.DHead, options.DHead);
                int at = head / group * options.DHead;
                double max = double.NegativeInfinity, sum = 0;
                for (int j = first; j <= last; j++)
                {
                    double score = Dot(query, k.Row(KeyRow(segment, j)).Slice(at, options.DHead)) * options.Scale;
                    if (options.Softcap > 0) score = options.Softcap * Math.Tanh(score / options.Softcap);
                    weights[j] = score;
                    max = Math.Max(max, score);
                }
                for (int j = first; j <= last; j++) sum += weights[j] = Math.Exp(weights[j] - max);
                for (int i = 0; i < options.DHead; i++)
                {
                    double mixed = 0;
                    for (int j = first; j <= last; j++) mixed += weights[j] * v.Row(KeyRow(segment, j))[at + i];
                    y.Row(row)[head * options.DHead + i] = (float)(mixed / sum);
                }
            }
        }
    }

    private static int KeyRow(in AttentionSegment segment, int j) =>
        j < segment.PrefixCount ? segment.PrefixStart + j : segment.KeyStart + j - segment.PrefixCount;

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
