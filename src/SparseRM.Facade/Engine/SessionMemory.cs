using System.Runtime.InteropServices;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>The keys and values that a session holds: pieces that it shares with others, and a last one that grows. For the thread that owns the backend.</summary>
internal sealed class SessionMemory
{
    // A tail has room for so many tokens at least, and for as many as the session itself added so far: few pieces, and no copy when it grows.
    private const int LeastRoom = 32;
    private readonly List<KeyValueRows> _pieces = [];
    private KeyValueSegment? _tail; // held beside the pieces that lie in it
    private int _length, _shared; // _shared: tokens that came with a fork or from the cache
    private bool _released;

    /// <summary>What is held, in the order of the tokens.</summary>
    public IReadOnlyList<KeyValueRows> Pieces => _pieces;

    /// <summary>What is known, ending where the next pass begins; null for nothing.</summary>
    public KeyValuePrefix? Known { get; private set; }

    /// <summary>Where the next pass puts what it computes.</summary>
    public KeyValueRows Room { get; private set; }

    /// <summary>Drops what is not of the text, takes over what the cache knows where there is nothing, and makes room for the rest.</summary>
    /// <param name="cache">The engine's.</param>
    /// <param name="store">Where the room comes from.</param>
    /// <param name="ids">The whole text.</param>
    /// <param name="same">Tokens that the text has in common with what is held.</param>
    /// <param name="most">Tokens that may be known.</param>
    /// <param name="layers">Blocks that the pass runs.</param>
    /// <exception cref="Errors.SparseRMException">There is no room.</exception>
    public void Prepare(PrefixCache cache, SessionStore store, ReadOnlyMemory<int> ids, int same, int most, int layers)
    {
        ObjectDisposedException.ThrowIf(_released, typeof(ScoringSession)); // disposed while the call waited
        Truncate(same);
        if (_length == 0 && cache.Find(ids.Span, most, layers) is { } found) Adopt(found);
        Truncate(most);
        int rows = ids.Length - _length;
        Room = TailFor(store, rows, layers).Take(rows);
        Known = _pieces.Count == 0 ? null : new KeyValuePrefix([.. _pieces]);
    }

    /// <summary>What <see cref="Room"/> asked for is there.</summary>
    public void Commit()
    {
        if (_released) return;
        if (_pieces is [.., var last] && last.Segment == Room.Segment && last.First + last.Count == Room.First) _pieces[^1] = last with { Count = last.Count + Room.Count };
        else _pieces.Add(Room with { Segment = Room.Segment.AddReference() });
        _length += Room.Count;
    }

    /// <summary>The same pieces for another session; what either adds is its own. Whoever adds first takes the room behind them.</summary>
    public SessionMemory Fork()
    {
        var fork = new SessionMemory { _length = _length, _shared = _length, _tail = _tail?.AddReference() };
        foreach (var piece in _pieces) fork._pieces.Add(piece with { Segment = piece.Segment.AddReference() });
        return fork;
    }

    /// <summary>Gives everything back.</summary>
    public void Release()
    {
        _released = true;
        Truncate(0);
        _tail?.Release();
        _tail = null;
    }

    private KeyValueSegment TailFor(SessionStore store, int rows, int layers)
    {
        if (_tail is not null)
        {
            int end = 0, own = 1;
            foreach (var piece in _pieces)
                if (piece.Segment == _tail) (end, own) = (piece.First + piece.Count, own + 1);
            // What stood behind is nobody's any more. While a fork may hold it, it stays, and rows behind it would be a piece of their own.
            if (_tail.References == own) _tail.FreeFrom(end);
            if (_tail.Taken == end && _tail.Capacity - end >= rows) return _tail;
        }
        int room = Math.Max(rows, Math.Max(LeastRoom, _length - _shared)), first = FirstOwn(layers), joined = 0;
        foreach (var piece in CollectionsMarshal.AsSpan(_pieces)[first..]) joined += piece.Count;
        var tail = joined > 0 ? TryReserve(joined + room) : null;
        if (tail is not null) Join(store, first, tail);
        else tail = TryReserve(room) ?? store.Reserve(layers, rows);
        _tail?.Release();
        return _tail = tail;

        KeyValueSegment? TryReserve(int tokens)
        {
            try
            {
                return store.Reserve(layers, tokens);
            }
            catch (Errors.SparseRMException)
            {
                return null;
            }
        }
    }

    /// <summary>The first of the last pieces that nobody else holds: a longer tail takes them over, so that attention finds them and what is added in one place.</summary>
    private int FirstOwn(int layers)
    {
        int first = _pieces.Count;
        while (first > 0 && _pieces[first - 1].Segment is var segment && segment.Layers == layers && segment.References == (segment == _tail ? 2 : 1)) first--;
        return first;
    }

    private void Join(SessionStore store, int first, KeyValueSegment tail)
    {
        KeyValueRows joined;
        try
        {
            joined = store.Join(CollectionsMarshal.AsSpan(_pieces)[first..], tail);
        }
        catch
        {
            tail.Release();
            throw;
        }
        foreach (var piece in CollectionsMarshal.AsSpan(_pieces)[first..]) piece.Segment.Release();
        _pieces.RemoveRange(first, _pieces.Count - first);
        _pieces.Add(joined with { Segment = tail.AddReference() });
    }

    private void Adopt(KeyValuePrefix found)
    {
        foreach (var piece in found.Pieces) _pieces.Add(piece with { Segment = piece.Segment.AddReference() });
        _length = _shared = found.Length;
    }

    private void Truncate(int most)
    {
        while (_length > most)
        {
            var last = _pieces[^1];
            int dropped = Math.Min(last.Count, _length - most);
            _length -= dropped;
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
        _shared = Math.Min(_shared, _length);
    }
}
