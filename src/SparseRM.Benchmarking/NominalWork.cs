using SparseRM.Models;

namespace SparseRM.Benchmarking;

/// <summary>What scoring a set of sequences takes by the book, whatever an engine leaves out or does twice.</summary>
/// <param name="Tokens">Tokens of all sequences.</param>
/// <param name="DistinctTokens">Tokens that differ from those of every other sequence at their place or before it: shared beginnings count once.</param>
/// <param name="Flops">
/// 2 * weights * distinct tokens + 4 * heads * d_head * visible pairs, summed over all blocks: of the last one, too, though only its read-out rows
/// are needed. Norms, rotations, soft-cap, softmax and activations are left out, as is customary.
/// </param>
public sealed record NominalWork(long Tokens, long DistinctTokens, double Flops)
{
    /// <summary>Of some sequences through the first blocks of a model.</summary>
    public static NominalWork Of(ModelConfig config, int blocks, IReadOnlyList<TokenSequence> sequences)
    {
        var sorted = sequences.Select(sequence => sequence.Ids).ToArray();
        Array.Sort(sorted, (a, b) => a.Span.SequenceCompareTo(b.Span));
        long tokens = 0, distinct = 0;
        double pairs = 0;
        var before = ReadOnlyMemory<int>.Empty;
        foreach (var ids in sorted)
        {
            int shared = before.Span.CommonPrefixLength(ids.Span);
            tokens += ids.Length;
            distinct += ids.Length - shared;
            for (int block = 0; block < blocks; block++) pairs += Pairs(ids.Length, config.LayerWindows[block]) - Pairs(shared, config.LayerWindows[block]);
            before = ids;
        }
        return new NominalWork(tokens, distinct, 2.0 * BlockWeights(config) * blocks * distinct + 4.0 * config.NHeads * config.DHead * pairs);
    }

    /// <summary>Elements of the matrices of one block.</summary>
    public static long BlockWeights(ModelConfig config)
    {
        long dModel = config.DModel, dMlp = config.DMlp, qWidth = config.NHeads * config.DHead, kvWidth = config.NKvHeads * config.DHead;
        return dModel * (2 * qWidth + 2 * kvWidth + 3 * dMlp);
    }

    // Keys that the first n queries see: 1 + 2 + ... up to the window, and the window from there on.
    private static double Pairs(long n, int window)
    {
        long growing = window == 0 ? n : Math.Min(n, window);
        return growing * (growing + 1) / 2.0 + (n - growing) * (double)window;
    }
}
