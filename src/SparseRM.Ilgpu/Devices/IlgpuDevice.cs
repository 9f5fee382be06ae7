using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using SparseRM.Errors;
using SparseRM.Ilgpu.Kernels;

namespace SparseRM.Ilgpu.Devices;

/// <summary>One open device: kernels are loaded and launched, and host memory copied, here and nowhere else.</summary>
/// <remarks>
/// On the CPU accelerator a group has one lane, since each lane is a thread and each barrier a rendezvous of them; kernels are written for any
/// number of lanes, and tests ask for more. Kernels loop over their items, so that few groups do: the CPU accelerator allocates shared memory
/// again in every group.
/// </remarks>
internal sealed class IlgpuDevice : IDisposable
{
    private const int StagingBytes = 4 << 20, GpuLanes = 128, GpuGroups = 1 << 16;

    /// <summary>More than the second-level cache of any device that OpenCL says nothing of.</summary>
    private const int UnknownCacheBytes = 128 << 20;

    private readonly Context _context;
    private readonly Dictionary<Delegate, Delegate> _loaded = [];
    // Pinned, so that its address may be handed out while the collector runs.
    private readonly byte[] _staging = GC.AllocateUninitializedArray<byte>(StagingBytes, pinned: true);
    private readonly int _lanes, _maxGroups;
    private readonly MemoryBuffer1D<byte, Stride1D.Dense> _none;
    private MemoryBuffer1D<byte, Stride1D.Dense>? _flush;
    private bool _isDisposed;

    public IlgpuDevice(DeviceName name, int threads, int lanes)
    {
        if (lanes is < 1 or > GroupSum.MaxLanes || !System.Numerics.BitOperations.IsPow2(lanes))
            throw new ArgumentOutOfRangeException(nameof(lanes), lanes, $"is not a power of two up to {GroupSum.MaxLanes}");
        Name = name;
        (_context, Accelerator) = DeviceSearch.Open(name, threads);
        IsCpu = Accelerator.AcceleratorType == AcceleratorType.CPU;
        (_lanes, _maxGroups) = IsCpu ? (lanes, Accelerator.NumMultiprocessors) : (GpuLanes, GpuGroups);
        try
        {
            _none = Allocate<byte>(sizeof(ulong), "a few bytes");
        }
        catch
        {
            Accelerator.Dispose();
            _context.Dispose();
            throw;
        }
    }

    public DeviceName Name { get; }
    public Accelerator Accelerator { get; }
    public bool IsCpu { get; }

    /// <summary>Whether it multiplies BF16 by mma.sync.</summary>
    public bool HasTensorCores =>
        Accelerator is CudaAccelerator { Architecture: { } architecture } && architecture >= CudaArchitecture.SM_80;

    /// <summary>Whose device it is, where OpenCL says so, and whether it is a processor: then a driver runs the kernels, and no GPU.</summary>
    public string By => Accelerator is not CLAccelerator cl ? ""
        : $"{(cl.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_CPU) ? ", a processor" : "")}, by {cl.PlatformName} {cl.PlatformVersion}";

    /// <summary>Lanes in a group, unless a kernel wants its own number.</summary>
    public int Lanes => _lanes;

    /// <summary>Enqueues a kernel whose lanes work alone, over <paramref name="items"/>.</summary>
    public void Each<T>(Action<T> kernel, long items, T arguments) where T : struct =>
        Groups(kernel, (items + _lanes - 1) / _lanes, arguments, _lanes);

    /// <summary>Enqueues a kernel whose groups work together, over <paramref name="items"/>.</summary>
    public void Groups<T>(Action<T> kernel, long items, T arguments) where T : struct => Groups(kernel, items, arguments, _lanes);

    /// <summary>As above, with the number of lanes that the kernel is written for.</summary>
    public void Groups<T>(Action<T> kernel, long items, T arguments, int lanes) where T : struct
    {
        if (items == 0) return;
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        try
        {
            if (!_loaded.TryGetValue(kernel, out var loaded)) _loaded[kernel] = loaded = Accelerator.LoadStreamKernel(kernel);
            ((Action<KernelConfig, T>)loaded)(((int)Math.Min(items, _maxGroups), lanes), arguments);
        }
        catch (Exception error) when (
            error is AcceleratorException or InternalCompilerException or CapabilityNotSupportedException or NotSupportedException)
        {
            throw Failed(kernel.Method.Name, error);
        }
    }

    /// <summary>Memory for <paramref name="length"/> elements, contents undefined.</summary>
    /// <exception cref="BackendException">Out of memory, or the device's own error.</exception>
    public MemoryBuffer1D<T, Stride1D.Dense> Allocate<T>(long length, string what) where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        try
        {
            if (length > long.MaxValue / 16) throw new OutOfMemoryException();
            return Accelerator.Allocate1D<T>(Math.Max(length, 1));
        }
        catch (Exception error) when (IsOutOfMemory(error))
        {
            throw new BackendException($"{Name}", $"out of memory: {what} was asked for; the device has {Accelerator.MemorySize >> 20} MiB");
        }
        catch (AcceleratorException error)
        {
            throw Failed(nameof(Allocate), error);
        }
    }

    /// <summary>A view of nothing: an optional argument of a kernel that is not there.</summary>
    public ArrayView<T> None<T>() where T : unmanaged => ((ArrayView<byte>)_none.View).Cast<T>().SubView(0, 0);

    /// <summary>Copies to the device, through pinned memory in bounded pieces; waits.</summary>
    public void Upload<T>(ReadOnlySpan<T> source, ArrayView<T> destination) where T : unmanaged
    {
        var staging = MemoryMarshal.Cast<byte, T>(_staging.AsSpan());
        try
        {
            for (int start = 0; start < source.Length; start += staging.Length)
            {
                var piece = source[start..Math.Min(source.Length, start + staging.Length)];
                piece.CopyTo(staging);
                destination.SubView(start, piece.Length).CopyFromCPU(Accelerator.DefaultStream, ref staging[0], piece.Length);
            }
        }
        catch (AcceleratorException error)
        {
            throw Failed(nameof(Upload), error);
        }
    }

    /// <summary>Waits for all that was enqueued, then copies from the device.</summary>
    public void Download<T>(ArrayView<T> source, Span<T> destination) where T : unmanaged
    {
        var staging = MemoryMarshal.Cast<byte, T>(_staging.AsSpan());
        try
        {
            for (int start = 0; start < destination.Length; start += staging.Length)
            {
                int count = Math.Min(staging.Length, destination.Length - start);
                source.SubView(start, count).CopyToCPU(Accelerator.DefaultStream, ref staging[0], count);
                staging[..count].CopyTo(destination[start..]);
            }
        }
        catch (AcceleratorException error)
        {
            throw Failed(nameof(Download), error);
        }
    }

    /// <summary>Seconds between two marks in the stream, before and after what a call enqueues; waits.</summary>
    /// <remarks>ILGPU's profiling markers (events of CUDA or OpenCL), the first after a memset of twice the second-level cache.</remarks>
    public double Time(Action call)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        try
        {
            int cache = Accelerator is CudaAccelerator cuda ? cuda.L2CacheSize : UnknownCacheBytes;
            _flush ??= Allocate<byte>(2L * cache, "room to empty the second-level cache");
            _flush.MemSetToZero(Accelerator.DefaultStream);
            using var start = Accelerator.DefaultStream.AddProfilingMarker();
            call();
            using var end = Accelerator.DefaultStream.AddProfilingMarker();
            return end.MeasureFrom(start).TotalSeconds;
        }
        catch (AcceleratorException error)
        {
            throw Failed(nameof(Time), error);
        }
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _flush?.Dispose();
        _none.Dispose();
        Accelerator.Dispose();
        _context.Dispose();
    }

    private static bool IsOutOfMemory(Exception error) => error switch
    {
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE or CLError.CL_OUT_OF_RESOURCES or CLError.CL_OUT_OF_HOST_MEMORY,
        _ => error is OutOfMemoryException,
    };

    private BackendException Failed(string what, Exception error) => new($"{Name}", $"{what}: {error.GetBaseException().Message}");
}
