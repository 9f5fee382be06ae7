using System.Numerics;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

/// <summary>
/// Device memory that is given out again: what is freed is kept, merged with free neighbours and cut for smaller needs, so that a steady state never
/// asks the driver.
/// </summary>
/// <remarks>
/// All work runs in one stream, so a piece may be given out while work that used it is still queued. Thread-safe, since finalisers free too.
/// Weights are not kept: what a model frees is for the driver, and another's are of other sizes.
/// </remarks>
internal sealed class CudaArena(CudaDevice device) : IDisposable
{
    /// <summary>A piece of up to so many times the need is cut before the driver is asked; a larger one only where the driver has nothing.</summary>
    private const int MostWaste = 4;

    private readonly Lock _gate = new();
    private readonly SortedSet<CudaPiece> _free = new(CudaPiece.BySize);
    private bool _isClosed;
    private long _pieces;

    /// <summary>Memory for at least <paramref name="bytes"/>, aligned to 256 bytes, contents undefined; kept when it is given back.</summary>
    /// <exception cref="BackendException">Out of memory; says how much was asked for and how much there is.</exception>
    public CudaBlock Allocate(long bytes)
    {
        long size = SizeClass(Math.Max(bytes, 1));
        return new CudaBlock(this, Kept(size, Math.Min(size, long.MaxValue / (2 * MostWaste)) * MostWaste) ?? FromDriver(bytes, size), isKept: true);
    }

    /// <summary>As <see cref="Allocate"/>, for weights: given back, it goes to the driver.</summary>
    /// <exception cref="BackendException">Out of memory; says how much was asked for and how much there is.</exception>
    public CudaBlock AllocateWeights(long bytes)
    {
        long size = SizeClass(Math.Max(bytes, 1));
        var memory = Ask(size) ?? throw OutOfMemory(bytes);
        return new CudaBlock(this, new CudaPiece(memory, 0, size, 0), isKept: false);
    }

    /// <summary>Takes a piece back.</summary>
    public void Return(CudaPiece piece, bool isKept)
    {
        lock (_gate)
        {
            if (isKept)
            {
                if (piece.Next is { IsFree: true } next) Merge(piece, next);
                if (piece.Previous is { IsFree: true } previous)
                {
                    _free.Remove(previous);
                    Merge(previous, piece);
                    piece = previous;
                }
                // After the end only what is whole goes: other pieces of the same memory may still be out.
                if (!_isClosed || !piece.IsWhole)
                {
                    piece.IsFree = true;
                    _free.Add(piece);
                    return;
                }
            }
        }
        piece.Memory.Dispose();
    }

    /// <summary>Gives what is kept back to the driver. Blocks that are out follow when they are disposed.</summary>
    public void Dispose()
    {
        lock (_gate) _isClosed = true;
        Trim();
    }

    /// <summary>The least free piece of that size, without what is too much; null where none has at most so many bytes.</summary>
    private CudaPiece? Kept(long size, long most)
    {
        lock (_gate)
        {
            var found = _free.GetViewBetween(CudaPiece.Least(size), CudaPiece.Least(most + 1)).Min;
            if (found is null) return null;
            _free.Remove(found);
            found.IsFree = false;
            if (found.Size > size)
            {
                var rest = new CudaPiece(found.Memory, found.Offset + size, found.Size - size, NextOrdinal()) { Previous = found, Next = found.Next, IsFree = true };
                if (found.Next is { } next) next.Previous = rest;
                (found.Next, found.Size) = (rest, size);
                _free.Add(rest);
            }
            return found;
        }
    }

    private CudaPiece FromDriver(long bytes, long size) => Ask(size) is { } memory
        ? new CudaPiece(memory, 0, size, NextOrdinal())
        : Kept(size, long.MaxValue - 1) ?? throw OutOfMemory(bytes);

    private long NextOrdinal() => Interlocked.Increment(ref _pieces);

    private DeviceMemory? Ask(long size)
    {
        if (device.TryAllocate(size) is { } memory) return memory;
        Trim();
        return device.TryAllocate(size);
    }

    private BackendException OutOfMemory(long bytes)
    {
        var (free, total) = device.Memory();
        return new(device.Name, $"out of memory: {bytes} bytes were asked for, {free} of the device's {total} are free");
    }

    /// <summary>Gives the driver back what is free as a whole.</summary>
    private void Trim()
    {
        lock (_gate)
        {
            foreach (var piece in _free.Where(piece => piece.IsWhole).ToArray())
            {
                _free.Remove(piece);
                piece.Memory.Dispose();
            }
        }
    }

    /// <summary>Makes one piece of two neighbours; the second is forgotten.</summary>
    private void Merge(CudaPiece first, CudaPiece second)
    {
        _free.Remove(second);
        first.Size += second.Size;
        first.Next = second.Next;
        if (second.Next is { } after) after.Previous = first;
    }

    /// <summary>Rounded up to 512 bytes and to three leading bits, so that sizes repeat and at most an eighth is unused.</summary>
    private static long SizeClass(long bytes)
    {
        long step = Math.Max(512, 1L << Math.Max(0, BitOperations.Log2((ulong)bytes) - 3));
        return checked((bytes + step - 1) / step * step);
    }
}

/// <summary>A part of what the driver gave, between its neighbours there.</summary>
internal sealed class CudaPiece(DeviceMemory memory, long offset, long size, long ordinal)
{
    /// <summary>By size, of one size the oldest first, so that the same needs find the same places.</summary>
    public static readonly IComparer<CudaPiece> BySize = Comparer<CudaPiece>.Create((a, b) => (a.Size, a.Ordinal).CompareTo((b.Size, b.Ordinal)));

    public DeviceMemory Memory => memory;
    public long Offset => offset;
    public long Size { get; set; } = size;
    public bool IsFree { get; set; }
    public CudaPiece? Previous { get; set; }
    public CudaPiece? Next { get; set; }

    /// <summary>Whether it is all that the driver gave.</summary>
    public bool IsWhole => Previous is null && Next is null;

    private long Ordinal => ordinal;

    /// <summary>What stands before every piece of that size.</summary>
    public static CudaPiece Least(long size) => new(null!, 0, size, -1);
}

/// <summary>A piece of device memory out of the arena.</summary>
internal sealed class CudaBlock(CudaArena arena, CudaPiece piece, bool isKept) : IDisposable
{
    private CudaPiece? _piece = piece;

    /// <summary>The first byte, as the device sees it.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public nint Pointer => _piece is { } there ? there.Memory.Value + (nint)there.Offset : throw new ObjectDisposedException(nameof(DeviceBuffer));

    /// <summary>Bytes, at least those asked for.</summary>
    public long Size { get; } = piece.Size;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _piece, null) is { } there) arena.Return(there, isKept);
    }
}

/// <summary>Floats on the device.</summary>
internal sealed class CudaBuffer(CudaBlock block, long length) : DeviceBuffer(length)
{
    public nint Pointer => block.Pointer;
    public override void Dispose() => block.Dispose();
}
