namespace SparseRM.Interop.Cuda;

/// <summary>Two pinned blocks through which bytes go to and from the device; one is filled while the device copies the other.</summary>
internal sealed unsafe class CudaStaging : IDisposable
{
    private readonly CudaDevice _device;
    private readonly int _bytes;
    private readonly PinnedMemory[] _blocks = new PinnedMemory[2];
    private readonly EventHandle[] _copied = new EventHandle[2];
    private int _next;

    public CudaStaging(CudaDevice device, int bytes)
    {
        (_device, _bytes) = (device, bytes);
        try
        {
            for (int i = 0; i < 2; i++)
            {
                _blocks[i] = device.AllocatePinned(bytes);
                _copied[i] = device.CreateEvent();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Queues a copy; <paramref name="from"/> may change when this returns.</summary>
    public void Upload(byte* from, nint to, long bytes)
    {
        for (long done = 0; done < bytes; done += _bytes)
        {
            long part = Math.Min(_bytes, bytes - done);
            var block = (byte*)Take();
            Buffer.MemoryCopy(from + done, block, part, part);
            _device.CopyToDevice(to + (nint)done, block, part);
            Give();
        }
    }

    /// <summary>Queues copies of rows that lie apart to one place, without gaps there: as many rows a copy as a block holds.</summary>
    /// <param name="rows">Where each begins; they may change when this returns.</param>
    /// <param name="rowBytes">Of each.</param>
    /// <param name="to">On the device.</param>
    public void UploadRows(ReadOnlySpan<nint> rows, int rowBytes, nint to)
    {
        int most = _bytes / rowBytes;
        if (most == 0)
        {
            foreach (nint row in rows)
            {
                Upload((byte*)row, to, rowBytes);
                to += rowBytes;
            }
            return;
        }
        for (; !rows.IsEmpty; rows = rows[Math.Min(most, rows.Length)..])
        {
            int count = Math.Min(most, rows.Length);
            var block = (byte*)Take();
            for (int i = 0; i < count; i++) Buffer.MemoryCopy((byte*)rows[i], block + (long)i * rowBytes, rowBytes, rowBytes);
            _device.CopyToDevice(to, block, (long)count * rowBytes);
            Give();
            to += (nint)((long)count * rowBytes);
        }
    }

    /// <summary>As <see cref="Download"/>, of rows that lie <paramref name="stride"/> bytes apart, to one place without gaps: one wait for as many as a block holds.</summary>
    public void DownloadRows(nint from, long stride, int rowBytes, int rows, byte* to)
    {
        int most = _bytes / rowBytes;
        if (most == 0)
        {
            for (int row = 0; row < rows; row++) Download(from + (nint)(row * stride), to + (long)row * rowBytes, rowBytes);
            return;
        }
        for (int first = 0; first < rows; first += most)
        {
            int count = Math.Min(most, rows - first);
            var block = (byte*)Take();
            for (int i = 0; i < count; i++) _device.CopyToHost(block + (long)i * rowBytes, from + (nint)((first + i) * stride), rowBytes);
            _device.Synchronize();
            Buffer.MemoryCopy(block, to + (long)first * rowBytes, (long)count * rowBytes, (long)count * rowBytes);
        }
    }

    /// <summary>Waits for all that is queued, then copies.</summary>
    public void Download(nint from, byte* to, long bytes)
    {
        for (long done = 0; done < bytes; done += _bytes)
        {
            long part = Math.Min(_bytes, bytes - done);
            var block = (byte*)Take();
            _device.CopyToHost(block, from + (nint)done, part);
            _device.Synchronize();
            Buffer.MemoryCopy(block, to + done, part, part);
        }
    }

    public void Dispose()
    {
        for (int i = 0; i < 2; i++)
        {
            _blocks[i]?.Dispose();
            _copied[i]?.Dispose();
        }
    }

    /// <summary>The next block, when the copy out of it has ended.</summary>
    private nint Take()
    {
        _device.Wait(_copied[_next]);
        return _blocks[_next].Value;
    }

    private void Give()
    {
        _device.Record(_copied[_next]);
        _next = 1 - _next;
    }
}
