using System.Numerics;
using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    private readonly List<RowCopy> _copies = []; // as many as were under way at once: one for each reward model in each of two batches

    /// <inheritdoc/>
    public override bool RunsBehind => true;

    /// <inheritdoc/>
    public override PendingRows BeginDownload(Tensor source)
    {
        using var call = Enter();
        var from = Rows(source);
        // The least that is large enough, or else the largest.
        RowCopy? free = null;
        foreach (var copy in _copies)
        {
            if (copy.IsUnderWay) continue;
            if (free is null || (free.Capacity < from.Bytes ? copy.Capacity > free.Capacity : copy.Capacity >= from.Bytes && copy.Capacity < free.Capacity)) free = copy;
        }
        if (free is null) _copies.Add(free = new RowCopy(this));
        free.Begin(source, from);
        return new PendingRows(this, source, free);
    }

    /// <summary>Pinned memory through which rows come to the host, and the mark behind their copy.</summary>
    private sealed unsafe class RowCopy(CudaBackend backend) : IRowCopy, IDisposable
    {
        private const int LeastBytes = 64 << 10;
        private PinnedMemory? _pinned;
        private EventHandle? _copied;
        private Tensor _source;

        public bool IsUnderWay { get; private set; }

        public long Capacity { get; private set; }

        public void Begin(Tensor source, CudaRows from)
        {
            var device = backend._device;
            if (_pinned is null || Capacity < from.Bytes) Grow(device, Math.Max(LeastBytes, (long)BitOperations.RoundUpToPowerOf2((ulong)from.Bytes)));
            var to = (byte*)_pinned!.Value;
            if (from.IsDense) device.CopyToHost(to, from.Pointer, from.Bytes);
            else for (int row = 0; row < from.Rows; row++) device.CopyToHost(to + (long)row * from.RowBytes, from.Row(row), from.RowBytes);
            device.Record(_copied!);
            (_source, IsUnderWay) = (source, true);
        }

        /// <summary>Waits for the copy, and for nothing that was queued behind it.</summary>
        public void Read(Span<float> destination)
        {
            using var call = backend.Enter();
            if (!IsUnderWay) throw new InvalidOperationException("the rows were read, or given up");
            RequireLength(nameof(Download), destination.Length, _source);
            backend._device.Wait(_copied!);
            long bytes = (long)_source.Rows * _source.Columns * sizeof(float);
            fixed (float* to = destination) Buffer.MemoryCopy((void*)_pinned!.Value, to, bytes, bytes);
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
            if (_pinned is not null) device.Synchronize(); // a copy that nobody waited for may be under way
            Dispose();
            (_pinned, _copied, Capacity) = (null, null, 0);
            _pinned = device.AllocatePinned(bytes);
            _copied = device.CreateEvent();
            Capacity = bytes;
        }
    }
}
