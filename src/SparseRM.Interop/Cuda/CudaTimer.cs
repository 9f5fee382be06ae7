namespace SparseRM.Interop.Cuda;

/// <summary>Seconds between two marks in the stream, the first after a memset of twice the second-level cache, which empties it.</summary>
/// <remarks>
/// Kernels that are queued while the memset runs follow each other at once. What the host queues more slowly than the device computes, and
/// what an op waits for, leaves gaps that count: the time is then the op's, not its kernels'.
/// </remarks>
internal sealed class CudaTimer : IDisposable
{
    private const int CacheBytesAttribute = 38;  // CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE
    private readonly CudaDevice _device;
    private readonly CudaBlock _flush;
    private readonly EventHandle _start, _end;

    public CudaTimer(CudaDevice device, CudaArena arena)
    {
        _device = device;
        _flush = arena.AllocateWeights(2L * device.Attribute(CacheBytesAttribute));
        try
        {
            _start = device.CreateEvent(isTimed: true);
            _end = device.CreateEvent(isTimed: true);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Queues the memset and the first mark.</summary>
    public void Begin()
    {
        _device.Fill(_flush.Pointer, 0, _flush.Size);
        _device.Record(_start);
    }

    /// <summary>Queues the second mark and waits for it.</summary>
    public double End()
    {
        _device.Record(_end);
        _device.Wait(_end);
        return _device.Seconds(_start, _end);
    }

    public void Dispose()
    {
        _flush.Dispose();
        _start?.Dispose();
        _end?.Dispose();
    }
}
