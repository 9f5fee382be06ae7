using SparseRM.Backends;

namespace SparseRM.Models;

/// <summary>Sequences packed end to end, without padding; a prefix that sequences share is computed once.</summary>
/// <remarks>
/// Each sequence is [prefix rows of another sequence][own rows]; see <see cref="AttentionSegment"/>. Which rows are shared changes no bit.
/// A batch can be filled again and keeps its memory: then nothing is allocated for a token. Not thread-safe.
/// </remarks>
public sealed class TokenBatch
{
    private readonly PrefixSharing _sharing = new();
    private int[] _ids = [], _positions = [], _readRows = [], _readPositions = [];
    private AttentionSegment[] _segments = [], _readSegments = [];
    private int _sequenceCount;

    /// <summary>Token of each row.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, TokenCount);
    /// <summary>Position of each row in its sequence.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, TokenCount);
    /// <summary>Attention of the blocks before the last: each sequence's own rows ask.</summary>
    public ReadOnlySpan<AttentionSegment> Segments => _segments.AsSpan(0, _sequenceCount);
    /// <summary>Row of each read-out, in the order of the sequences.</summary>
    public ReadOnlySpan<int> ReadRows => _readRows.AsSpan(0, ReadCount);
    /// <summary>Position of each read-out in its sequence.</summary>
    public ReadOnlySpan<int> ReadPositions => _readPositions.AsSpan(0, ReadCount);
    /// <summary>Attention of the last block: only read-out rows ask.</summary>
    public ReadOnlySpan<AttentionSegment> ReadSegments => _readSegments.AsSpan(0, _sequenceCount);
    /// <summary>Rows that are computed.</summary>
    public int TokenCount { get; private set; }
    /// <summary>Rows that are read out.</summary>
    public int ReadCount { get; private set; }
    /// <summary>Longest sequence.</summary>
    public int MaxLength { get; private set; }

    /// <summary>A new batch, filled.</summary>
    /// <exception cref="ArgumentException">As <see cref="Fill"/>.</exception>
    public static TokenBatch Pack(ReadOnlySpan<TokenSequence> sequences, bool sharePrefixes = true)
    {
        var batch = new TokenBatch();
        batch.Fill(sequences, sharePrefixes);
        return batch;
    }

    /// <summary>Packs sequences in the place of those that were here.</summary>
    /// <param name="sequences">At least one; read-outs are given back in this order.</param>
    /// <param name="sharePrefixes">Whether equal beginnings are computed once.</param>
    /// <exception cref="ArgumentException">A sequence is empty or its read-out lies outside it.</exception>
    public void Fill(ReadOnlySpan<TokenSequence> sequences, bool sharePrefixes = true)
    {
        foreach (var (ids, start, end) in sequences)
        {
            bool valid = start >= 0 && start < end && end <= ids.Length;
            if (!valid) throw new ArgumentException($"read-out {start}..{end} of a sequence of {ids.Length} tokens");
        }
        if (sharePrefixes) _sharing.Plan(sequences);
        else _sharing.PlanNone(sequences.Length);
        (_sequenceCount, TokenCount, ReadCount, MaxLength) = (sequences.Length, 0, 0, 0);
        for (int i = 0; i < sequences.Length; i++)
        {
            int length = sequences[i].Ids.Length;
            TokenCount += length - _sharing.Prefixes[i];
            ReadCount += sequences[i].ReadCount;
            MaxLength = Math.Max(MaxLength, length);
        }
        Grow(ref _ids, TokenCount);
        Grow(ref _positions, TokenCount);
        Grow(ref _readRows, ReadCount);
        Grow(ref _readPositions, ReadCount);
        Grow(ref _segments, _sequenceCount);
        Grow(ref _readSegments, _sequenceCount);
        PlaceTokens(sequences);
        PlaceReads(sequences);
    }

    private void PlaceTokens(ReadOnlySpan<TokenSequence> sequences)
    {
        int row = 0;
        for (int i = 0; i < sequences.Length; i++)
        {
            int own = sequences[i].Ids.Length - _sharing.Prefixes[i];
            _segments[i] = new(row, own, 0, _sharing.Prefixes[i], row, own);
            for (int position = _sharing.Prefixes[i]; position < sequences[i].Ids.Length; position++, row++)
                (_ids[row], _positions[row]) = (sequences[i].Ids.Span[position], position);
        }
        for (int i = 0; i < sequences.Length; i++)
            if (_segments[i].PrefixCount > 0) _segments[i] = _segments[i] with { PrefixStart = _segments[_sharing.Leaders[i]].KeyStart };
    }

    private void PlaceReads(ReadOnlySpan<TokenSequence> sequences)
    {
        int read = 0;
        for (int i = 0; i < sequences.Length; i++)
        {
            var segment = _segments[i];
            _readSegments[i] = segment with { QueryStart = read, QueryCount = sequences[i].ReadCount };
            for (int position = sequences[i].ReadStart; position < sequences[i].ReadEnd; position++, read++)
            {
                _readPositions[read] = position;
                _readRows[read] = position < segment.PrefixCount ? segment.PrefixStart + position : segment.KeyStart + position - segment.PrefixCount;
            }
        }
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length) array = new T[Math.Max(length, 2 * array.Length)];
    }
}
