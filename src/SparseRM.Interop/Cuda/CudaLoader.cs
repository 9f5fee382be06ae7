using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop.Cuda;

/// <summary>Brings weights to the device in pieces, through two pinned blocks; a kernel lays them out and looks at each element.</summary>
/// <remarks>One piece is read from the file while the device takes the other. The weights never pass through managed arrays.</remarks>
internal sealed unsafe class CudaLoader(CudaBackend backend) : IDisposable
{
    /// <summary>Bytes of a piece, unless a row is longer.</summary>
    private const long PieceBytes = 16 << 20;

    private const ulong NoneBad = ulong.MaxValue;
    /// <summary>Rows and columns of what a block of the transposing kernel turns.</summary>
    private const int Turned = 32;

    private static readonly CudaVariant s_rows = new("row_per_block", "load_weights", 256), s_tiles = new("transposed_tile", "load_weights", 256);
    private readonly Slot[] _slots = [new(), new()];

    /// <summary>Loads rows [rowCount, rowLength] to <paramref name="to"/>: row r, column c to r * stride + c, or c * stride + r if transposed.</summary>
    /// <exception cref="ModelFormatException">A weight is NaN or infinite (with its place), or the file ends early.</exception>
    public void Load(WeightSlice slice, long rowCount, int rowLength, bool isTransposed, nint to, int stride, DType storage)
    {
        if (slice.ElementCount == 0) return;
        int size = slice.DType.ByteSize();
        long rowBytes = (long)rowLength * size, pieceRows = Math.Clamp(PieceBytes / rowBytes, 1, rowCount);
        string ending = $"{slice.DType.Name().ToLowerInvariant()}_to_{storage.Name().ToLowerInvariant()}";
        using var source = new WeightBytes(slice);
        try
        {
            for (long first = 0, piece = 0; first < rowCount; first += pieceRows, piece++)
            {
                var slot = _slots[piece % 2];
                Finish(slot, slice);
                long rows = Math.Min(pieceRows, rowCount - first);
                slot.Reserve(backend, pieceRows * rowBytes);
                source.Read(slot.Host, rows * rowBytes);
                backend.Device.CopyToDevice(slot.Pointer, slot.Host, rows * rowBytes);
                backend.Device.Fill(slot.FlagPointer, 0xFF, sizeof(ulong));
                if (isTransposed)
                {
                    backend.Launch("load_weights", s_tiles, ending, new Grid(Grid.Tiles((int)rows, Turned), Grid.Tiles(rowLength, Turned)), 0,
                        slot.Pointer, (int)rows, rowLength, (int)first, to, stride, slot.FlagPointer);
                }
                else
                {
                    backend.Launch("load_weights", s_rows, ending, new Grid((int)rows), 0, slot.Pointer, rowLength, (int)first, to, stride, slot.FlagPointer);
                }
                backend.Device.CopyToHost(slot.Flag, slot.FlagPointer, sizeof(ulong));
                backend.Device.Record(slot.Taken!);
                slot.FirstElement = first * rowLength;
            }
            foreach (var slot in _slots) Finish(slot, slice);
        }
        finally
        {
            // After an error too nothing is left to be looked at by the next load.
            foreach (var slot in _slots) slot.FirstElement = -1;
        }
    }

    public void Dispose()
    {
        foreach (var slot in _slots) slot.Free();
    }

    /// <summary>Waits until the device has taken the slot's piece, and looks at what it found.</summary>
    private void Finish(Slot slot, WeightSlice slice)
    {
        if (slot.Taken is not null) backend.Device.Wait(slot.Taken);
        if (slot.FirstElement < 0 || *slot.Flag == NoneBad) return;
        int size = slice.DType.ByteSize();
        var bits = new ReadOnlySpan<byte>(slot.Host + ((long)*slot.Flag - slot.FirstElement) * size, size);
        throw new ModelFormatException(
            slice.Path, $"tensor \"{slice.Name}\" has {NativeBackend.Widen(slice.DType, bits)} at element {*slot.Flag}; weights must be finite");
    }

    private sealed class Slot
    {
        private const int FlagBytes = 256;
        private PinnedMemory? _pinned;
        private CudaBlock? _device;
        private long _capacity;

        /// <summary>Recorded when the device has the piece and the flag has come back.</summary>
        public EventHandle? Taken;

        /// <summary>Index in the tensor of the piece's first element, or -1 where there is nothing to be looked at.</summary>
        public long FirstElement = -1;

        /// <summary>The index of the first bad element.</summary>
        public ulong* Flag => (ulong*)_pinned!.Value;
        public byte* Host => (byte*)_pinned!.Value + FlagBytes;
        public nint FlagPointer => _device!.Pointer;
        public nint Pointer => _device!.Pointer + FlagBytes;

        public void Reserve(CudaBackend backend, long bytes)
        {
            if (bytes <= _capacity) return;
            Free();
            Taken = backend.Device.CreateEvent();
            _pinned = backend.Device.AllocatePinned(FlagBytes + bytes);
            _device = backend.Arena.Allocate(FlagBytes + bytes);
            _capacity = bytes;
        }

        public void Free()
        {
            _pinned?.Dispose();
            _device?.Dispose();
            Taken?.Dispose();
            (_pinned, _device, Taken, _capacity) = (null, null, null, 0);
        }
    }
}
