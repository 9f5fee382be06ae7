using SparseRM.Backends;

namespace SparseRM.Models;

/// <summary>One sequence to run and the positions to read out.</summary>
/// <param name="Ids">Token ids, at least one.</param>
/// <param name="ReadStart">First position whose state is wanted.</param>
/// <param name="ReadEnd">One past the last.</param>
public readonly record struct TokenSequence(ReadOnlyMemory<int> Ids, int ReadStart, int ReadEnd)
{
    /// <summary>Number of rows that this sequence reads out.</summary>
    public int ReadCount => ReadEnd - ReadStart;
}

/// <summary>Sequences packed end to end, without padding; a prefix that sequences share is computed once.</summary>
/// <remarks>Each sequence is [prefix rows of another sequence][own rows]; see <see cref="AttentionSegment"/>. Which rows are shared changes no bit.</remarks>
public sealed class TokenBatch
{
    private TokenBatch(int tokens, int reads, int sequences)
    {
        Ids = new int[tokens];
        Positions = new int[tokens];
        ReadRows = new int[reads];
        ReadPositions = new int[reads];
        Segments = new AttentionSegment[sequences];
        ReadSegments = new AttentionSegment[sequences];
    }

    /// <summary>Token of each row.</summary>
    public int[] Ids { get; }
    /// <summary>Position of each row in its sequence.</summary>
    public int[] Positions { get; }
    /// <summary>Attention of the blocks before the last: each sequence's own rows ask.</summary>
    public AttentionSegment[] Segments { get; }
    /// <summary>Row of each read-out, in the order of the sequences.</summary>
    public int[] ReadRows { get; }
    /// <summary>Position of each read-out in its sequence.</summary>
    public int[] ReadPositions { get; }
    /// <summary>Attention of the last block: only read-out rows ask.</summary>
    public AttentionSegment[] ReadSegments { get; }
    /// <summary>Rows that are computed.</summary>
    public int TokenCount => Ids.Length;
    /// <summary>Longest sequence.</summary>
    public int MaxLength { get; private set; }

    /// <summary>Packs sequences.</summary>
    /// <param name="sequences">At least one; read-outs are given back in this order.</param>
    /// <param name="sharePrefixes">Whether equal beginnings are computed once.</param>
    public static TokenBatch Pack(IReadOnlyList<TokenSequence> sequences, bool sharePrefixes = true)
    {
        foreach (var sequence in sequences)
        {
            bool valid = sequence.Ids.Length > 0 && sequence.ReadStart >= 0 && sequence.ReadStart < sequence.ReadEnd && sequence.ReadEnd <= sequence.Ids.Length;
            if (!valid) throw new ArgumentException($"read-out {sequence.ReadStart}..{sequence.ReadEnd} of a sequence of {sequence.Ids.Length} tokens");
        }
        var (order, leaders, prefixes) = sharePrefixes ? PrefixSharing.Plan(sequences) : PrefixSharing.None(sequences.Count);
        var batch = new TokenBatch(
            sequences.Select((s, i) => s.Ids.Length - prefixes[i]).Sum(), sequences.Sum(s => s.ReadCount), sequences.Count);
        var starts = new int[sequences.Count];
        int row = 0;
        foreach (int i in order) // leaders come before those who lean on them
        {
            var ids = sequences[i].Ids.Span;
            int own = ids.Length - prefixes[i];
            starts[i] = row;
            batch.Segments[i] = new(row, own, prefixes[i] > 0 ? starts[leaders[i]] : 0, prefixes[i], row, own);
            for (int position = prefixes[i]; position < ids.Length; position++, row++)
                (batch.Ids[row], batch.Positions[row]) = (ids[position], position);
            batch.MaxLength = Math.Max(batch.MaxLength, ids.Length);
        }
        batch.PlaceReads(sequences);
        return batch;
    }

    private void PlaceReads(IReadOnlyList<TokenSequence> sequences)
    {
        int read = 0;
        for (int i = 0; i < sequences.Count; i++)
        {
            var segment = Segments[i];
            ReadSegments[i] = segment with { QueryStart = read, QueryCount = sequences[i].ReadCount };
            for (int position = sequences[i].ReadStart; position < sequences[i].ReadEnd; position++, read++)
            {
                ReadPositions[read] = position;
                ReadRows[read] = position < segment.PrefixCount ? segment.PrefixStart + position : segment.KeyStart + position - segment.PrefixCount;
            }
        }
    }
}
