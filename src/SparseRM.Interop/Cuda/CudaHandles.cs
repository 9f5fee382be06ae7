using Microsoft.Win32.SafeHandles;

namespace SparseRM.Interop.Cuda;

/// <summary>A hold on a device's primary context; what lives in the context holds this handle, so that it goes last.</summary>
internal sealed unsafe class ContextHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly int _device;

    public ContextHandle(CudaDriver driver, int device) : base(true)
    {
        (Driver, _device) = (driver, device);
        nint context;
        driver.Check(driver.PrimaryContextRetain(&context, device), "cuDevicePrimaryCtxRetain");
        SetHandle(context);
    }

    public CudaDriver Driver { get; }

    /// <summary>Makes it the calling thread's context.</summary>
    public CudaResult MakeCurrent() => Driver.SetCurrentContext(handle);

    protected override bool ReleaseHandle() => Driver.PrimaryContextRelease(_device) == CudaResult.Success;
}

/// <summary>Something that lives in a context and is freed there, from whatever thread.</summary>
internal abstract class ContextResource : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly ContextHandle _context;

    /// <summary>Takes over <paramref name="value"/>.</summary>
    protected ContextResource(ContextHandle context, nint value) : base(true)
    {
        _context = context;
        bool held = false;
        context.DangerousAddRef(ref held);
        SetHandle(value);
    }

    /// <summary>The pointer or handle of the driver; not to be kept.</summary>
    public nint Value => IsClosed ? throw new ObjectDisposedException(GetType().Name) : handle;

    protected abstract CudaResult Free(CudaDriver driver, nint value);

    protected override bool ReleaseHandle()
    {
        // In a lost context freeing fails too; the driver takes everything back when the context goes.
        bool freed = _context.MakeCurrent() == CudaResult.Success && Free(_context.Driver, handle) == CudaResult.Success;
        _context.DangerousRelease();
        return freed;
    }
}

/// <summary>Memory of the device.</summary>
internal sealed unsafe class DeviceMemory(ContextHandle context, nint pointer) : ContextResource(context, pointer)
{
    protected override CudaResult Free(CudaDriver driver, nint value) => driver.Free(value);
}

/// <summary>Memory of the host that the device copies from and to on its own.</summary>
internal sealed unsafe class PinnedMemory(ContextHandle context, nint pointer) : ContextResource(context, pointer)
{
    protected override CudaResult Free(CudaDriver driver, nint value) => driver.FreeHost(value);
}

/// <summary>An image of kernels, loaded.</summary>
internal sealed unsafe class ModuleHandle(ContextHandle context, nint module) : ContextResource(context, module)
{
    protected override CudaResult Free(CudaDriver driver, nint value) => driver.UnloadModule(value);
}

/// <summary>A queue of work that is done in order.</summary>
internal sealed unsafe class StreamHandle(ContextHandle context, nint stream) : ContextResource(context, stream)
{
    protected override CudaResult Free(CudaDriver driver, nint value) => driver.DestroyStream(value);
}

/// <summary>A mark in a stream that can be waited for.</summary>
internal sealed unsafe class EventHandle(ContextHandle context, nint mark) : ContextResource(context, mark)
{
    protected override CudaResult Free(CudaDriver driver, nint value) => driver.DestroyEvent(value);
}
