using System.Runtime.InteropServices;
using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    private readonly List<RowCopy> _copies = []; // few: those that are not under way are used again

    /// <inheritdoc/>
    public override bool RunsBehind => true;

    /// <inheritdoc/>
    public override PendingRows BeginDownload(Tensor source)
    {
        using var call = Enter();
        var from = Rows(source);
        RowCopy? free = null;
        foreach (var copy in _copies)
            if (!copy.IsUnderWay) free = copy;
        if (free is null) _copies.Add(free = new RowCopy(this));
        free.Begin(from);
        return new PendingRows(this, source, free);
    }

    /// <summary>Pinned memory through which rows come to the host, and the mark behind their copy.</summary>
    private sealed unsafe class RowCopy(CudaBackend backend) : IRowCopy, IDisposable
    {
        private const int LeastBytes = 64 << 10;
        private PinnedMemory? _pinned;
        private EventHandle? _copied;
        private long _capacity, _bytes;

        public bool IsUnderWay { get; private set; }

        public void Begin(CudaRows from)
        {
            var device = backend._device;
            if (_pinned is null || _capacity < from.Bytes) Grow(device, Math.Max(LeastBytes, 2 * from.Bytes));
            var to = (byte*)_pinned!.Value;
            if (from.IsDense) device.CopyToHost(to, from.Pointer, from.Bytes);
            else for (int row = 0; row < from.Rows; row++) device.CopyToHost(to + (long)row * from.RowBytes, from.Row(row), from.RowBytes);
            device.Record(_copied!);
            (_bytes, IsUnderWay) = (from.Bytes, true);
        }

        /// <summary>Waits for the copy, and for nothing that was queued behind it.</summary>
        public void Read(Span<float> destination)
        {
            using var call = backend.Enter();
            if (!IsUnderWay) throw new InvalidOperationException("the rows were read, or given up");
            backend._device.Wait(_copied!);
            new ReadOnlySpan<byte>((void*)_pinned!.Value, checked((int)_bytes)).CopyTo(MemoryMarshal.AsBytes(destination));
        }

        // Where nobody waited for the copy, the next one through the same memory stands behind it in the stream.
        public void End()
        {
            lock (backend._gate) IsUnderWay = false;
        }

        public void Dispose()
        {
            _pinned?.Dispose();
            _copied?.Dispose();
        }

        private void Grow(CudaDevice device, long bytes)
        {
            if (_copied is not null) device.Wait(_copied); // a copy that nobody waited for
            Dispose();
            (_pinned, _copied, _capacity) = (null, null, 0);
            _pinned = device.AllocatePinned(bytes);
            _copied = device.CreateEvent();
            _capacity = bytes;
        }
    }
}
