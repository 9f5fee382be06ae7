using System.Numerics;
using System.Runtime.InteropServices;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop.Cuda;

/// <summary>A tensor's bytes from the first to the last, out of the mapped file or, where they are deflated there, out of its stream.</summary>
internal sealed unsafe class WeightBytes : IDisposable
{
    private readonly WeightSlice _slice;
    private readonly MappedFile? _file;
    private readonly Stream? _stream;
    private long _done;

    public WeightBytes(WeightSlice slice)
    {
        _slice = slice;
        if (slice.FileOffset >= 0 && !CopiedRows.Wanted) _file = MappedFile.Acquire(slice);
        else _stream = slice.OpenRead();
    }

    /// <summary>Copies the next bytes.</summary>
    /// <exception cref="Errors.ModelFormatException">The file ends early.</exception>
    public void Read(byte* to, long bytes)
    {
        if (_file is not null) Buffer.MemoryCopy(_file.At(_slice) + _done, to, bytes, bytes);
        else NativeBlock.Fill(_slice, _stream!, to, bytes);
        _done += bytes;
    }

    public void Dispose()
    {
        _file?.Release();
        _stream?.Dispose();
    }

    /// <summary>Whether no element is NaN or infinite: no exponent has all its bits set.</summary>
    public static bool AreFinite(byte* start, DType dtype, int count) => dtype switch
    {
        DType.F32 => LacksMask(new ReadOnlySpan<uint>(start, count), 0x7F800000u),
        DType.F16 => LacksMask(new ReadOnlySpan<ushort>(start, count), (ushort)0x7C00),
        _ => LacksMask(new ReadOnlySpan<ushort>(start, count), (ushort)0x7F80),
    };

    private static bool LacksMask<T>(ReadOnlySpan<T> bits, T mask) where T : unmanaged, IBinaryInteger<T>
    {
        var masks = new Vector<T>(mask);
        int i = 0;
        for (; i + Vector<T>.Count <= bits.Length; i += Vector<T>.Count)
            if (Vector.EqualsAny(new Vector<T>(bits[i..]) & masks, masks)) return false;
        for (; i < bits.Length; i++)
            if ((bits[i] & mask) == mask) return false;
        return true;
    }
}
