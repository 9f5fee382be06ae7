using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>The keys and values that a session holds: pieces that it shares with others, and a last one that grows. For the thread that owns the backend.</summary>
internal sealed class SessionMemory
{
    // A last piece has room for so many tokens at least, and for as many as there are already: few pieces, and no copy when it grows.
    private const int LeastRoom = 32;
    private readonly List<KeyValueRows> _pieces = [];
    private KeyValueSegment? _tail;
    private int _tailRows, _tailCapacity, _length;
    private bool _released;

    /// <summary>What is known, ending where the next pass begins; null for nothing.</summary>
    public KeyValuePrefix? Known { get; private set; }

    /// <summary>Where the next pass puts what it computes.</summary>
    public KeyValueRows Room { get; private set; }

    /// <summary>Drops what is not of the text, takes over what the cache knows where there is nothing, and makes room for the rest.</summary>
    /// <param name="cache">The engine's.</param>
    /// <param name="ids">The whole text.</param>
    /// <param name="same">Tokens that the text has in common with what is held.</param>
    /// <param name="most">Tokens that may be known.</param>
    /// <param name="layers">Blocks that the pass runs.</param>
    /// <exception cref="Errors.SparseRMException">There is no room.</exception>
    public void Prepare(PrefixCache cache, ReadOnlyMemory<int> ids, int same, int most, int layers)
    {
        ObjectDisposedException.ThrowIf(_released, typeof(ScoringSession)); // disposed while the call waited
        Truncate(same);
        if (_length == 0 && cache.Find(ids.Span, most, layers) is { } found) Adopt(found);
        Truncate(most);
        int rows = ids.Length - _length;
        if (_tail is null || _tailCapacity - _tailRows < rows)
        {
            int capacity = Math.Max(rows, Math.Max(LeastRoom, _length));
            KeyValueSegment tail;
            try
            {
                tail = cache.Reserve(layers, capacity);
            }
            catch (Errors.SparseRMException) when (capacity > rows)
            {
                tail = cache.Reserve(layers, capacity = rows);
            }
            _tail?.Release();
            (_tail, _tailRows, _tailCapacity) = (tail, 0, capacity);
        }
        Room = new KeyValueRows(_tail, _tailRows, rows);
        Known = _pieces.Count == 0 ? null : new KeyValuePrefix([.. _pieces]);
    }

    /// <summary>What <see cref="Room"/> asked for is there.</summary>
    public void Commit()
    {
        if (_released) return;
        if (_pieces is [.., var last] && last.Segment == Room.Segment && last.First + last.Count == Room.First) _pieces[^1] = last with { Count = last.Count + Room.Count };
        else _pieces.Add(Room with { Segment = Room.Segment.AddReference() });
        _tailRows += Room.Count;
        _length += Room.Count;
    }

    /// <summary>The same pieces for another session; what either adds is its own.</summary>
    public SessionMemory Fork()
    {
        var fork = new SessionMemory { _length = _length };
        foreach (var piece in _pieces) fork._pieces.Add(piece with { Segment = piece.Segment.AddReference() });
        return fork;
    }

    /// <summary>Gives everything back.</summary>
    public void Release()
    {
        _released = true;
        Truncate(0);
        _tail?.Release();
        (_tail, _tailCapacity) = (null, 0);
    }

    private void Adopt(KeyValuePrefix found)
    {
        foreach (var piece in found.Pieces) _pieces.Add(piece with { Segment = piece.Segment.AddReference() });
        _length = found.Length;
    }

    private void Truncate(int most)
    {
        while (_length > most)
        {
            var last = _pieces[^1];
            int dropped = Math.Min(last.Count, _length - most);
            _length -= dropped;
            // The rows are free again only where nothing stands after them and nobody shares them: a fork sees what it was forked with.
            if (dropped < last.Count)
            {
                _pieces[^1] = last with { Count = last.Count - dropped };
            }
            else
            {
                _pieces.RemoveAt(_pieces.Count - 1);
                last.Segment.Release();
            }
        }
    }
}
