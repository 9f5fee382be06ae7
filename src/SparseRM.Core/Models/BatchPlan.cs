namespace SparseRM.Models;

/// <summary>How sequences that are sorted by their tokens are cut into batches of bounded size.</summary>
public static class BatchPlan
{
    /// <summary>
    /// Tokens of one batch by default: enough to keep every core at full speed and 16 answers of 128 tokens with their prompt of 512 together,
    /// few enough for activations to be small beside the weights (0.27 GB for Gemma-2-2B) and for progress to be seen.
    /// </summary>
    public const int DefaultTokens = 3072;

    /// <summary>Sequences of one batch at most: planning what to share is quadratic in it.</summary>
    public const int MaxSequences = 1024;

    // So many tokens that a batch might have had, and has not, cost as much time as one token that is computed again.
    private const int UnfilledPerRepeated = 16;

    /// <summary>
    /// How many of the sorted sequences make the next batch: as many as fit, or fewer where a later cut would go through a shared beginning.
    /// </summary>
    /// <remarks>What the sequences on both sides of a cut have in common is computed twice; a batch that is not full costs a little, too.</remarks>
    /// <param name="sorted">Sorted by their ids; at least one.</param>
    /// <param name="maxTokens">Tokens that are computed at most; a sequence that is longer runs alone.</param>
    public static int Size(ReadOnlySpan<TokenSequence> sorted, int maxTokens)
    {
        int tokens = sorted[0].Ids.Length, sharedByAll = tokens, cut = 1;
        long leastCost = long.MaxValue;
        for (int i = 1; i < sorted.Length; i++)
        {
            var ids = sorted[i].Ids.Span;
            int shared = sorted[i - 1].Ids.Span.CommonPrefixLength(ids);
            long cost = (long)shared * UnfilledPerRepeated - tokens;
            if (cost <= leastCost) (cut, leastCost) = (i, cost);
            // What leaning on the first alone would leave to compute: packing finds at least as much to share.
            sharedByAll = Math.Min(sharedByAll, shared);
            tokens += Math.Max(ids.Length - sharedByAll, sorted[i].ReadOut.Positions);
            if (tokens > maxTokens || i == MaxSequences) return cut;
        }
        return sorted.Length;
    }
}
