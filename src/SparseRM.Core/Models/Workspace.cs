using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>The activations of one run. Buffers grow to the largest batch seen and are then reused: steady state allocates nothing.</summary>
internal sealed class Workspace(Backend backend) : IDisposable
{
    private readonly Dictionary<string, DeviceBuffer> _buffers = [];

    /// <summary>A dense tensor on the buffer of that name; contents are those of its last use.</summary>
    public Tensor Tensor(string name, int rows, int columns) => new(Buffer(name, (long)rows * columns), 0, rows, columns, columns);

    /// <summary>An operand on the buffer of that name.</summary>
    public Operand Operand(string name, int rows, int columns, DType compute) =>
        new(Buffer(name, Backends.Operand.Length(rows, columns)), rows, columns, compute);

    public void Dispose()
    {
        foreach (var buffer in _buffers.Values) buffer.Dispose();
        _buffers.Clear();
    }

    private DeviceBuffer Buffer(string name, long length)
    {
        if (!_buffers.TryGetValue(name, out var buffer) || buffer.Length < length)
        {
            buffer?.Dispose();
            _buffers.Remove(name);
            _buffers[name] = buffer = backend.Allocate(length);
        }
        return buffer;
    }
}
