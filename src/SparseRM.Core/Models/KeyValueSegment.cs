using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>Keys and values of a run of tokens, for blocks 0..L, on a backend. Counted references; for the thread that owns the backend.</summary>
/// <remarks>
/// Layout: for each block [capacity, 2 * kv_width], keys before values. Keys are as the backend's attention reads them: rotated, or before the rotation where
/// that is one op with it (<see cref="Backend.FusesRopeAttention"/>). A score has the bits of the whole text's in both.
/// </remarks>
public sealed class KeyValueSegment
{
    private readonly DeviceBuffer _buffer;
    private readonly Action<long>? _freed;
    private readonly int _width;

    /// <summary>Room for <paramref name="capacity"/> tokens, nothing in it yet.</summary>
    /// <param name="backend">Where it lies; must outlive it.</param>
    /// <param name="config">The model.</param>
    /// <param name="layers">Blocks 0..layers - 1.</param>
    /// <param name="capacity">Tokens.</param>
    /// <param name="freed">Told the bytes when the last reference goes.</param>
    /// <exception cref="Errors.BackendException">Out of memory.</exception>
    public KeyValueSegment(Backend backend, ModelConfig config, int layers, int capacity, Action<long>? freed = null)
    {
        (Layers, Capacity, _width, _freed) = (layers, capacity, Width(config), freed);
        _buffer = backend.Allocate((long)layers * capacity * _width);
    }

    /// <summary>Blocks that it holds.</summary>
    public int Layers { get; }

    /// <summary>Tokens that it has room for.</summary>
    public int Capacity { get; }

    /// <summary>Rows that were given out, from the first on; those after them are free.</summary>
    public int Taken { get; private set; }

    /// <summary>Holders of references.</summary>
    public int References { get; private set; } = 1;

    /// <summary>Bytes of memory.</summary>
    public long Bytes => Layers * (long)Capacity * _width * sizeof(float);

    /// <summary>Bytes that one token takes in <paramref name="layers"/> blocks.</summary>
    public static long BytesPerToken(ModelConfig config, int layers) => (long)layers * Width(config) * sizeof(float);

    /// <summary>Keys and values of rows [first, first + count) of a block, [count, 2 * kv_width].</summary>
    public Tensor Rows(int layer, int first, int count) =>
        new Tensor(_buffer, (long)layer * Capacity * _width, Capacity, _width, _width).RowRange(first, count);

    /// <summary>Gives out the next rows that are free.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public KeyValueRows Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Capacity - Taken);
        var rows = new KeyValueRows(this, Taken, count);
        Taken += count;
        return rows;
    }

    /// <summary>Takes back the rows from one on, which nobody holds any more.</summary>
    public void FreeFrom(int row) => Taken = Math.Min(Taken, row);

    /// <summary>One more holder.</summary>
    public KeyValueSegment AddReference()
    {
        References++;
        return this;
    }

    /// <summary>One holder less; the last one frees the memory.</summary>
    public void Release()
    {
        if (--References > 0) return;
        _buffer.Dispose();
        _freed?.Invoke(Bytes);
    }

    private static int Width(ModelConfig config) => 2 * config.NKvHeads * config.DHead;
}

/// <summary>Rows [First, First + Count) of a segment.</summary>
/// <param name="Segment">Where they are.</param>
/// <param name="First">First row.</param>
/// <param name="Count">Number of rows.</param>
public readonly record struct KeyValueRows(KeyValueSegment Segment, int First, int Count);

/// <summary>Keys and values of a text's beginning, piece by piece.</summary>
/// <param name="Pieces">In the order of the tokens.</param>
public sealed record KeyValuePrefix(IReadOnlyList<KeyValueRows> Pieces)
{
    /// <summary>Tokens that it covers.</summary>
    public int Length { get; } = LengthOf(Pieces);

    private static int LengthOf(IReadOnlyList<KeyValueRows> pieces)
    {
        int length = 0;
        for (int i = 0; i < pieces.Count; i++) length += pieces[i].Count;
        return length;
    }
}
