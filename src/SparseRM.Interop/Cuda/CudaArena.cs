using System.Numerics;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

/// <summary>Device memory that is given out again: freed blocks are kept by size, so that a steady state never asks the driver.</summary>
/// <remarks>
/// All work runs in one stream, so a block may be given out while work that used it is still queued. Thread-safe, since finalisers free too.
/// Weights are not kept: what a model frees is for the driver, and another's are of other sizes.
/// </remarks>
internal sealed class CudaArena(CudaDevice device) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, Stack<DeviceMemory>> _free = [];
    private bool _isClosed;

    /// <summary>Memory for at least <paramref name="bytes"/>, aligned to 256 bytes, contents undefined; kept when it is given back.</summary>
    /// <exception cref="BackendException">Out of memory; says how much was asked for and how much there is.</exception>
    public CudaBlock Allocate(long bytes)
    {
        long size = SizeClass(Math.Max(bytes, 1));
        lock (_gate)
        {
            if (_free.TryGetValue(size, out var stack) && stack.TryPop(out var kept)) return new CudaBlock(this, kept, size, isKept: true);
        }
        return new CudaBlock(this, FromDriver(bytes, size), size, isKept: true);
    }

    /// <summary>As <see cref="Allocate"/>, for weights: given back, it goes to the driver.</summary>
    /// <exception cref="BackendException">Out of memory; says how much was asked for and how much there is.</exception>
    public CudaBlock AllocateWeights(long bytes)
    {
        long size = SizeClass(Math.Max(bytes, 1));
        return new CudaBlock(this, FromDriver(bytes, size), size, isKept: false);
    }

    /// <summary>Takes a block's memory back.</summary>
    public void Return(DeviceMemory memory, long size, bool isKept)
    {
        lock (_gate)
        {
            if (!_isClosed && isKept)
            {
                if (!_free.TryGetValue(size, out var stack)) _free[size] = stack = new();
                stack.Push(memory);
                return;
            }
        }
        memory.Dispose();
    }

    /// <summary>Gives what is kept back to the driver. Blocks that are out follow when they are disposed.</summary>
    public void Dispose()
    {
        lock (_gate) _isClosed = true;
        Trim();
    }

    private DeviceMemory FromDriver(long bytes, long size)
    {
        if (device.TryAllocate(size) is { } memory) return memory;
        Trim();
        if (device.TryAllocate(size) is { } second) return second;
        var (free, total) = device.Memory();
        throw new BackendException(device.Name, $"out of memory: {bytes} bytes were asked for, {free} of the device's {total} are free");
    }

    private void Trim()
    {
        device.BreakPass();  // held back, it could use memory that goes
        lock (_gate)
        {
            foreach (var stack in _free.Values)
                while (stack.TryPop(out var memory)) memory.Dispose();
            _free.Clear();
        }
    }

    /// <summary>Rounded up to 512 bytes and to three leading bits, so that sizes repeat and at most an eighth is unused.</summary>
    private static long SizeClass(long bytes)
    {
        long step = Math.Max(512, 1L << Math.Max(0, BitOperations.Log2((ulong)bytes) - 3));
        return checked((bytes + step - 1) / step * step);
    }
}

/// <summary>A piece of device memory out of the arena.</summary>
internal sealed class CudaBlock(CudaArena arena, DeviceMemory memory, long size, bool isKept) : IDisposable
{
    private DeviceMemory? _memory = memory;

    /// <summary>The first byte, as the device sees it.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public nint Pointer => (_memory ?? throw new ObjectDisposedException(nameof(DeviceBuffer))).Value;

    /// <summary>Bytes, at least those asked for.</summary>
    public long Size => size;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _memory, null) is { } memory) arena.Return(memory, size, isKept);
    }
}

/// <summary>Floats on the device.</summary>
internal sealed class CudaBuffer(CudaBlock block, long length) : DeviceBuffer(length)
{
    public nint Pointer => block.Pointer;
    public override void Dispose() => block.Dispose();
}
