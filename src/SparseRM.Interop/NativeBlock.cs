using System.Runtime.InteropServices;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>Bytes outside the managed heap, through which deflated weights stream.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    private byte* _start;

    public NativeBlock(long bytes)
    {
        try
        {
            _start = (byte*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), 64);
        }
        catch (OutOfMemoryException)
        {
            throw new BackendException(NativeBackend.BackendName, $"out of memory: {bytes} bytes were asked for");
        }
    }

    ~NativeBlock() => Free();

    public byte* Start => _start;

    /// <summary>Reads exactly <paramref name="bytes"/> from the slice's stream.</summary>
    /// <exception cref="ModelFormatException">The stream ends early.</exception>
    public void Fill(WeightSlice slice, Stream stream, long bytes) => Fill(slice, stream, _start, bytes);

    /// <summary>The same to any memory.</summary>
    public static void Fill(WeightSlice slice, Stream stream, byte* to, long bytes)
    {
        for (long done = 0; done < bytes;)
        {
            int got = stream.Read(new Span<byte>(to + done, (int)Math.Min(bytes - done, 1 << 24)));
            if (got == 0) throw new ModelFormatException(slice.Path, $"the file ends inside tensor \"{slice.Name}\"; copy or download it again");
            done += got;
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        System.Runtime.InteropServices.NativeMemory.AlignedFree(_start);
        _start = null;
    }
}
