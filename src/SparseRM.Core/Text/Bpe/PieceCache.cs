using System.Collections.Concurrent;

namespace SparseRM.Text.Bpe;

/// <summary>What short pieces of text became, since words come again and again. Bounded: a full cache is emptied. Thread-safe.</summary>
internal sealed class PieceCache<T>
    where T : class
{
    private const int MaxLength = 32, MaxPieces = 1 << 15;
    private readonly ConcurrentDictionary<string, T> _kept = new();
    private readonly ConcurrentDictionary<string, T>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private int _count;

    public PieceCache() => _lookup = _kept.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>What a piece became, or null where that is not kept.</summary>
    public T? Find(ReadOnlySpan<char> piece) => _lookup.TryGetValue(piece, out var parts) ? parts : null;

    /// <summary>Keeps what a piece became, if it is short.</summary>
    public void Keep(ReadOnlySpan<char> piece, T parts)
    {
        if (piece.Length > MaxLength) return;
        int count = Interlocked.Increment(ref _count);
        if (count <= MaxPieces)
        {
            _kept.TryAdd(piece.ToString(), parts);
        }
        else if (count == MaxPieces + 1)
        {
            // One thread alone comes here until the count is small again.
            _kept.Clear();
            Volatile.Write(ref _count, 0);
        }
    }
}
