using SparseRM.Backends;
using SparseRM.Errors;

namespace SparseRM.Models;

/// <summary>The keys and values that sessions hold, bounded in bytes; what they share with the prefix cache counts there. For the thread that owns the backend.</summary>
public sealed class SessionStore(Backend backend, ModelConfig config, long capacity)
{
    private long _bytes;

    /// <summary>Bytes in use.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Room for tokens of one session, or of several that share it.</summary>
    /// <param name="layers">Blocks 0..layers - 1.</param>
    /// <param name="tokens">Tokens.</param>
    /// <returns>With one reference; its bytes are free again when the last one goes.</returns>
    /// <exception cref="SparseRMException">They would pass the bound.</exception>
    /// <exception cref="BackendException">Out of memory.</exception>
    public KeyValueSegment Reserve(int layers, int tokens)
    {
        long bytes = KeyValueSegment.BytesPerToken(config, layers) * tokens;
        if (_bytes + bytes > capacity)
        {
            throw new SparseRMException(ErrorKind.Full,
                $"sessions hold {_bytes >> 10} KiB of keys and values, and {Math.Max(1, bytes >> 10)} KiB more pass the bound of {capacity >> 10} KiB that the backbone was opened with; drop sessions, or open it with a higher one");
        }
        var segment = new KeyValueSegment(backend, config, layers, tokens, freed => _bytes -= freed);
        _bytes += segment.Bytes;
        return segment;
    }

    /// <summary>Puts the rows of pieces one behind the other into the next free rows of a segment, in all its blocks.</summary>
    /// <param name="pieces">Of segments with as many blocks.</param>
    /// <param name="to">With room for them.</param>
    /// <returns>Where they lie now.</returns>
    public KeyValueRows Join(ReadOnlySpan<KeyValueRows> pieces, KeyValueSegment to)
    {
        int count = 0;
        foreach (var piece in pieces) count += piece.Count;
        var joined = to.Take(count);
        int[] rows = [.. Enumerable.Range(0, count)];
        int first = joined.First;
        foreach (var piece in pieces)
        {
            for (int layer = 0; layer < to.Layers; layer++)
                backend.GatherRows(piece.Segment.Rows(layer, piece.First, piece.Count), rows.AsSpan(0, piece.Count), to.Rows(layer, first, piece.Count));
            first += piece.Count;
        }
        return joined;
    }
}
