using System.Runtime.InteropServices;

namespace SparseRM.Interop.Cuda;

/// <summary>Brings ids, positions and segments to the device through pinned memory; waits only for what was brought a whole area ago.</summary>
/// <remarks>
/// Two pinned halves, filled in turn, so that the host writes one while copies out of the other are under way. On the device one area is enough: what
/// is written there again is queued behind the work that reads what was there. What equals something that was brought just before is not brought
/// again: positions and segments come back in every block.
/// </remarks>
internal sealed unsafe class CudaIndices(CudaDevice device, CudaArena arena) : IDisposable
{
    private const int Alignment = 256, LeastCapacity = 1 << 20;

    /// <summary>Arrays that one op brings at most.</summary>
    private const int MostArrays = 8;

    /// <summary>Arrays among which an equal one is looked for, the last first: those of a block, and of the op before it.</summary>
    private const int MostCompared = 2 * MostArrays;

    private readonly Half[] _halves = [new(), new()];
    private readonly List<(int Start, int Length)> _brought = [];
    private CudaBlock? _area;
    private int _current, _used;

    /// <summary>Makes room for all that one op brings, so that the area does not go round before the op is queued.</summary>
    public void Reserve(int bytes)
    {
        bytes += MostArrays * Alignment;
        if (_area is null || _used + bytes > _halves[_current].Capacity) Turn(bytes);
    }

    /// <summary>Where the device finds a copy of the values, for work that is queued before the next <see cref="Reserve"/>.</summary>
    public nint Bring<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        var bytes = MemoryMarshal.AsBytes(values);
        var half = _halves[_current];
        for (int i = _brought.Count - 1; i >= Math.Max(0, _brought.Count - MostCompared); i--)
        {
            var (start, length) = _brought[i];
            if (bytes.SequenceEqual(new ReadOnlySpan<byte>(half.Host + start, length))) return _area!.Pointer + start;
        }
        int at = _used;
        bytes.CopyTo(new Span<byte>(half.Host + at, bytes.Length));
        device.CopyToDevice(_area!.Pointer + at, half.Host + at, bytes.Length);
        _brought.Add((at, bytes.Length));
        _used = (at + bytes.Length + Alignment - 1) / Alignment * Alignment;
        return _area.Pointer + at;
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
        _area?.Dispose();
    }

    /// <summary>Begins the area again, in the other half.</summary>
    private void Turn(int bytes)
    {
        if (_halves[_current].Left is { } left) device.Record(left);
        _current = 1 - _current;
        var half = _halves[_current];
        if (half.Left is not null) device.Wait(half.Left);
        _used = 0;
        _brought.Clear();
        if (half.Capacity < bytes) half.Grow(device, Math.Max(LeastCapacity, 2 * bytes));
        if (_area is not null && _area.Size >= half.Capacity) return;
        _area?.Dispose();
        _area = null;
        _area = arena.Allocate(half.Capacity);
    }

    private sealed class Half
    {
        private PinnedMemory? _pinned;

        /// <summary>Recorded when the half is left.</summary>
        public EventHandle? Left { get; private set; }

        public int Capacity { get; private set; }

        public byte* Host => (byte*)(_pinned?.Value ?? 0);

        public void Grow(CudaDevice device, int capacity)
        {
            Free();
            _pinned = device.AllocatePinned(capacity);
            Left = device.CreateEvent();
            Capacity = capacity;
        }

        public void Free()
        {
            _pinned?.Dispose();
            Left?.Dispose();
            (_pinned, Left, Capacity) = (null, null, 0);
        }
    }
}
