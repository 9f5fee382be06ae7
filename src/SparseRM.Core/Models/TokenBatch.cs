using System.Runtime.InteropServices;
using SparseRM.Backends;

namespace SparseRM.Models;

/// <summary>Sequences packed end to end, without padding; a prefix that sequences share is computed once, one that is known is not computed at all.</summary>
/// <remarks>
/// <para>Each sequence is [prefix rows][own rows]; see <see cref="AttentionSegment"/>. The prefix is another sequence's, or keys and values that are put
/// before the own ones. Which rows are shared or known changes no bit.</para>
/// <para>Rows of tokens (what is computed) and rows of keys (what attention sees) differ only where something is known.</para>
/// A batch can be filled again and keeps its memory: then nothing is allocated for a token. Not thread-safe.
/// </remarks>
public sealed class TokenBatch
{
    private readonly PrefixSharing _sharing = new();
    private readonly List<KeyRun> _known = [], _kept = [];
    private readonly List<RowRun> _own = [];
    private int[] _ids = [], _positions = [], _keyPositions = [], _readRows = [], _readPositions = [], _firstRows = [];
    private AttentionSegment[] _segments = [], _readSegments = [];
    private int _sequenceCount;

    /// <summary>A run of rows in the batch, and where its keys and values lie or go.</summary>
    /// <param name="Row">First row in the batch: of keys, where they come from the segment, else of tokens.</param>
    /// <param name="Rows">Rows of the segment.</param>
    public readonly record struct KeyRun(int Row, KeyValueRows Rows);

    /// <summary>A run of rows of tokens among the rows of keys.</summary>
    /// <param name="Row">First row of tokens.</param>
    /// <param name="Key">First row of keys.</param>
    /// <param name="Count">Number of rows.</param>
    public readonly record struct RowRun(int Row, int Key, int Count);

    /// <summary>Token of each row.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, TokenCount);
    /// <summary>Position of each row in its sequence.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, TokenCount);
    /// <summary>Position of each row of keys in its sequence.</summary>
    public ReadOnlySpan<int> KeyPositions => KeyCount == TokenCount ? Positions : _keyPositions.AsSpan(0, KeyCount);
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
    /// <summary>Rows of keys and values: those that are computed, and those that are known.</summary>
    public int KeyCount { get; private set; }
    /// <summary>Rows that are read out.</summary>
    public int ReadCount { get; private set; }
    /// <summary>Longest sequence.</summary>
    public int MaxLength { get; private set; }

    /// <summary>Known keys and values: rows of keys, and the segment's rows that go there.</summary>
    public ReadOnlySpan<KeyRun> Known => CollectionsMarshal.AsSpan(_known);
    /// <summary>Where the computed keys and values stand among all; empty where nothing else is there.</summary>
    public ReadOnlySpan<RowRun> Own => CollectionsMarshal.AsSpan(_own);
    /// <summary>Computed keys and values that are to be kept: the row of a token, and the segment's rows that they go to.</summary>
    public ReadOnlySpan<KeyRun> Kept => CollectionsMarshal.AsSpan(_kept);

    /// <summary>
    /// Where all keys and values of the batch lie in their order when it has run, its known ones already before it does: so with one sequence that goes on in the
    /// segment of what is known of it, or of which nothing is known. Null where they are put together for the pass.
    /// </summary>
    public KeyValueRows? Home
    {
        get
        {
            if (_sequenceCount != 1 || _kept is not [{ Row: 0 } kept] || kept.Rows.Count != TokenCount || _known.Count > 1) return null;
            if (_known.Count == 0) return KeyCount == TokenCount ? kept.Rows : null;
            var known = _known[0].Rows;
            return known.Segment == kept.Rows.Segment && known.First + known.Count == kept.Rows.First ? known with { Count = KeyCount } : null;
        }
    }

    /// <summary>A new batch, filled.</summary>
    /// <exception cref="ArgumentException">As <see cref="Fill"/>.</exception>
    public static TokenBatch Pack(ReadOnlySpan<TokenSequence> sequences, bool sharePrefixes = true)
    {
        var batch = new TokenBatch();
        batch.Fill(sequences, [], sharePrefixes);
        return batch;
    }

    /// <summary>Packs sequences in the place of those that were here.</summary>
    /// <param name="sequences">At least one; read-outs are given back in this order.</param>
    /// <param name="prefixes">What is known of each, ending before its first read-out; empty where nothing is known of any.</param>
    /// <param name="sharePrefixes">Whether equal beginnings are computed once.</param>
    /// <exception cref="ArgumentException">A sequence is empty, its read-out lies outside it, or its prefix reaches into its read-out.</exception>
    public void Fill(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<KeyValuePrefix?> prefixes, bool sharePrefixes = true)
    {
        for (int i = 0; i < sequences.Length; i++)
        {
            var (ids, read) = sequences[i];
            if (read.Start < 0 || read.Start >= read.End || read.End > ids.Length)
                throw new ArgumentException($"read-out {read.Start}..{read.End} of a sequence of {ids.Length} tokens");
            if (!prefixes.IsEmpty && prefixes[i]?.Length > read.Start)
                throw new ArgumentException($"{prefixes[i]!.Length} tokens are known of a sequence that is read at {read.Start}");
        }
        if (sharePrefixes) _sharing.Plan(sequences);
        else _sharing.PlanNone(sequences.Length);
        if (!prefixes.IsEmpty) _sharing.Prefer(sequences, prefixes);
        _known.Clear();
        _own.Clear();
        _kept.Clear();
        (_sequenceCount, TokenCount, KeyCount, ReadCount, MaxLength) = (sequences.Length, 0, 0, 0, 0);
        for (int i = 0; i < sequences.Length; i++)
        {
            int length = sequences[i].Ids.Length;
            ReadCount += sequences[i].ReadOut.Positions;
            if (_sharing.Twins[i] != i) continue;
            TokenCount += length - _sharing.Prefixes[i];
            KeyCount += length - (Leads(i) ? 0 : _sharing.Prefixes[i]);
            MaxLength = Math.Max(MaxLength, length);
        }
        Grow(ref _ids, TokenCount);
        Grow(ref _positions, TokenCount);
        if (KeyCount > TokenCount) Grow(ref _keyPositions, KeyCount);
        Grow(ref _readRows, ReadCount);
        Grow(ref _readPositions, ReadCount);
        Grow(ref _segments, _sequenceCount);
        Grow(ref _readSegments, _sequenceCount);
        Grow(ref _firstRows, _sequenceCount);
        PlaceTokens(sequences, prefixes);
        PlaceReads(sequences);
    }

    /// <summary>Has the pass keep the keys and values of a sequence's tokens from a position on; they were computed, here or for whom it leans on.</summary>
    /// <param name="sequence">Its number.</param>
    /// <param name="from">First position.</param>
    /// <param name="segment">Where they go.</param>
    /// <param name="row">First row there.</param>
    /// <exception cref="ArgumentException">Some of them are not computed in this batch.</exception>
    public void Keep(int sequence, int from, KeyValueSegment segment, int row)
    {
        sequence = _sharing.Twins[sequence];
        var (prefix, length) = (_sharing.Prefixes[sequence], _segments[sequence].PrefixCount + _segments[sequence].KeyCount);
        if (from < prefix)
        {
            int leader = _sharing.Leaders[sequence], skipped = _sharing.Prefixes[leader];
            if (leader == sequence || from < skipped) throw new ArgumentException($"position {from} of sequence {sequence} is not computed in this batch");
            _kept.Add(new(_firstRows[leader] + from - skipped, new(segment, row, prefix - from)));
            (row, from) = (row + prefix - from, prefix);
        }
        if (from < length) _kept.Add(new(_firstRows[sequence] + from - prefix, new(segment, row, length - from)));
    }

    private bool Leads(int sequence) => _sharing.Leaders[sequence] == sequence;

    private void PlaceTokens(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<KeyValuePrefix?> prefixes)
    {
        int row = 0, key = 0;
        for (int i = 0; i < sequences.Length; i++)
        {
            if (_sharing.Twins[i] != i) continue;
            int prefix = _sharing.Prefixes[i], length = sequences[i].Ids.Length, own = length - prefix;
            int known = Leads(i) ? prefix : 0, start = key;
            if (known > 0)
            {
                foreach (var piece in prefixes[_sharing.KnownOf[i]]!.Pieces)
                {
                    _known.Add(new(key, piece));
                    key += piece.Count;
                }
            }
            _firstRows[i] = row;
            _segments[i] = new(row, own, start, prefix, start + known, own);
            if (KeyCount > TokenCount) PlaceKeys(row, start, known, prefix, length);
            sequences[i].Ids.Span[prefix..].CopyTo(_ids.AsSpan(row));
            for (int position = prefix; position < length; position++, row++) _positions[row] = position;
            key += own;
        }
        for (int i = 0; i < sequences.Length; i++)
            if (_sharing.Twins[i] == i && !Leads(i)) _segments[i] = _segments[i] with { PrefixStart = _segments[_sharing.Leaders[i]].PrefixStart };
        for (int i = 0; i < sequences.Length; i++)
        {
            int twin = _sharing.Twins[i];
            if (twin != i) (_segments[i], _firstRows[i]) = (_segments[twin] with { QueryCount = 0 }, _firstRows[twin]);
        }
    }

    private void PlaceKeys(int row, int start, int known, int prefix, int length)
    {
        int first = prefix - known; // position of the first row of keys here
        for (int position = first; position < length; position++) _keyPositions[start + position - first] = position;
        int own = length - prefix;
        if (_own is [.., var last] && last.Key + last.Count == start + known) _own[^1] = last with { Count = last.Count + own };
        else _own.Add(new(row, start + known, own));
    }

    private void PlaceReads(ReadOnlySpan<TokenSequence> sequences)
    {
        int read = 0;
        for (int i = 0; i < sequences.Length; i++)
        {
            var reads = sequences[i].ReadOut;
            int prefix = _sharing.Prefixes[i], leader = _sharing.Leaders[i];
            _readSegments[i] = _segments[i] with { QueryStart = read, QueryCount = reads.Positions };
            for (int position = reads.Start; position < reads.End; position++, read++)
            {
                _readPositions[read] = position;
                _readRows[read] = position < prefix ? _firstRows[leader] + position - _sharing.Prefixes[leader] : _firstRows[i] + position - prefix;
            }
        }
    }

    private static void Grow<T>(ref T[] array, int length)
    {
        if (array.Length < length) array = new T[Math.Max(length, 2 * array.Length)];
    }
}
