using ILGPU;
using ILGPU.Runtime;

namespace SparseRM.Ilgpu.Devices;

/// <summary>Device memory that an op uses for itself: grows to the largest need and stays.</summary>
internal sealed class Scratch<T>(IlgpuDevice device) : IDisposable where T : unmanaged
{
    private MemoryBuffer1D<T, Stride1D.Dense>? _buffer;

    /// <summary>Room for <paramref name="length"/> elements, contents undefined; what was handed out before is no longer valid.</summary>
    public ArrayView<T> Take(long length)
    {
        if (_buffer is null || _buffer.Length < length)
        {
            _buffer?.Dispose();
            _buffer = null;
            _buffer = device.Allocate<T>(length, $"{length} elements of {Interop.SizeOf<T>()} bytes");
        }
        return ((ArrayView<T>)_buffer.View).SubView(0, length);
    }

    /// <summary>A copy of <paramref name="values"/> on the device.</summary>
    public ArrayView<T> Put(ReadOnlySpan<T> values)
    {
        var view = Take(values.Length);
        device.Upload(values, view);
        return view;
    }

    public void Dispose() => _buffer?.Dispose();
}
