namespace SparseRM.Interop.Cuda;

/// <summary>Brings ids, positions and segments to the device through a pinned ring, without waiting as long as the ring has room.</summary>
/// <remarks>
/// The ring has two halves, each with a twin on the device. When a half is full, the other is begun, after the copies out of it have ended. What
/// equals something that the current half has already brought is not brought again: positions and segments come back in every block.
/// </remarks>
internal sealed unsafe class CudaIndices(CudaDevice device, CudaArena arena) : IDisposable
{
    private const int Alignment = 256;
    private readonly Half[] _halves = [new(), new()];
    private int _current;

    /// <summary>Makes room for all that one op brings, so that the ring does not go round before the op is queued.</summary>
    public void Reserve(int bytes)
    {
        bytes += 4 * Alignment;
        if (_halves[_current].Used + bytes > _halves[_current].Capacity) Turn(bytes);
    }

    /// <summary>Where the device finds a copy of the values, for work that is queued before the next <see cref="Reserve"/>.</summary>
    public nint Bring<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsBytes(values);
        var half = _halves[_current];
        foreach (var (start, length) in half.Brought)
            if (bytes.SequenceEqual(new ReadOnlySpan<byte>(half.Host + start, length))) return half.Device!.Pointer + start;
        int at = half.Used;
        bytes.CopyTo(new Span<byte>(half.Host + at, bytes.Length));
        device.CopyToDevice(half.Device!.Pointer + at, half.Host + at, bytes.Length);
        half.Brought.Add((at, bytes.Length));
        half.Used = (at + bytes.Length + Alignment - 1) / Alignment * Alignment;
        return half.Device.Pointer + at;
    }

    /// <summary><see cref="Reserve"/> and <see cref="Bring"/> for an op that brings nothing else.</summary>
    public nint BringAlone(ReadOnlySpan<int> values)
    {
        Reserve(values.Length * sizeof(int));
        return Bring(values);
    }

    public void Dispose()
    {
        foreach (var half in _halves) half.Free();
    }

    private void Turn(int bytes)
    {
        if (_halves[_current].Left is { } left) device.Record(left);
        _current = 1 - _current;
        var half = _halves[_current];
        if (half.Left is not null) device.Wait(half.Left);
        if (half.Capacity < bytes)
        {
            half.Free();
            int capacity = Math.Max(1 << 20, 2 * bytes);
            half.Pinned = device.AllocatePinned(capacity);
            half.Device = arena.Allocate(capacity);
            half.Left = device.CreateEvent();
            half.Capacity = capacity;
        }
        half.Used = 0;
        half.Brought.Clear();
    }

    private sealed class Half
    {
        public readonly List<(int Start, int Length)> Brought = [];
        public PinnedMemory? Pinned;
        public CudaBlock? Device;
        /// <summary>Recorded when the half is left.</summary>
        public EventHandle? Left;
        public int Capacity, Used;

        public byte* Host => (byte*)(Pinned?.Value ?? 0);

        public void Free()
        {
            Pinned?.Dispose();
            Device?.Dispose();
            Left?.Dispose();
            (Pinned, Device, Left, Capacity) = (null, null, null, 0);
        }
    }
}
