using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>What a forward pass keeps in memory while it runs: one buffer each, used again by every block.</summary>
internal enum Activation
{
    /// <summary>The residual stream.</summary>
    Residual,
    /// <summary>What attention or MLP adds to it; in the last block only for the rows that are read.</summary>
    Branch,
    /// <summary>The normed stream, as products read it.</summary>
    Normed,
    /// <summary>Queries.</summary>
    Q,
    /// <summary>Keys and values of all positions that attention sees.</summary>
    KeysAndValues,
    /// <summary>Keys and values of the batch's own tokens, where those of earlier ones are put between them.</summary>
    OwnKeysAndValues,
    /// <summary>What attention mixes, as products read it.</summary>
    Mixed,
    /// <summary>The MLP's hidden layer, as products read it.</summary>
    Activated,
    /// <summary>The rows that are read, normed for the last block.</summary>
    ReadNormed,
    /// <summary>The MLP's branch for the rows that are read after a block that is not the last.</summary>
    ReadBranch,
}

/// <summary>The activations of one run. Buffers grow to the largest batch seen and are then reused: steady state allocates nothing.</summary>
internal sealed class Workspace(Backend backend) : IDisposable
{
    private readonly DeviceBuffer?[] _buffers = new DeviceBuffer?[Enum.GetValues<Activation>().Length];
    private readonly List<DeviceBuffer?> _states = [];

    /// <summary>A dense tensor; contents are those of its last use.</summary>
    public Tensor Tensor(Activation activation, int rows, int columns) =>
        new(Grown(ref _buffers[(int)activation], (long)rows * columns), 0, rows, columns, columns);

    /// <summary>An operand of products.</summary>
    public Operand Operand(Activation activation, int rows, int columns, DType compute) =>
        new(Grown(ref _buffers[(int)activation], Backends.Operand.Length(rows, columns)), rows, columns, compute);

    /// <summary>The states that are read after the n-th of the layers asked for: they must outlast the pass.</summary>
    public Tensor States(int n, int rows, int columns)
    {
        while (_states.Count <= n) _states.Add(null);
        return new(Grown(ref System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_states)[n], (long)rows * columns), 0, rows, columns, columns);
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers.Concat(_states)) buffer?.Dispose();
        Array.Clear(_buffers);
        _states.Clear();
    }

    private DeviceBuffer Grown(ref DeviceBuffer? buffer, long length)
    {
        if (buffer is not null && buffer.Length >= length) return buffer;
        buffer?.Dispose();
        buffer = null;
        return buffer = backend.Allocate(length);
    }
}
