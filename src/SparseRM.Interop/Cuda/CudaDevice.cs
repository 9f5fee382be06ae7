using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using SparseRM.Errors;

namespace SparseRM.Interop.Cuda;

/// <summary>One device with its context and its one stream; every driver call of the backend is checked here.</summary>
internal sealed unsafe partial class CudaDevice : IDisposable
{
    private const int MajorAttribute = 75, MinorAttribute = 76, MultiprocessorsAttribute = 16, NonBlocking = 1, NoTiming = 2;
    private readonly StreamHandle _stream;
    private readonly int _device;
    private string? _lost;

    private CudaDevice(string name, CudaDriver driver, int device)
    {
        (Name, Driver, _device) = (name, driver, device);
        byte* text = stackalloc byte[256];
        driver.Check(driver.DeviceGetName(text, 256, device), "cuDeviceGetName");
        Model = Marshal.PtrToStringUTF8((nint)text)!;
        int major = Attribute(MajorAttribute), minor = Attribute(MinorAttribute);
        (Capability, Multiprocessors) = (10 * major + minor, Attribute(MultiprocessorsAttribute));
        if (Capability < 80)
            throw new BackendException(name, $"{Model} has compute capability {major}.{minor}; there are kernels for 8.0 and later only");
        Context = new ContextHandle(driver, device);
        try
        {
            Check(Context.MakeCurrent(), "cuCtxSetCurrent");
            nint stream;
            Check(driver.CreateStream(&stream, NonBlocking), "cuStreamCreate");
            _stream = new StreamHandle(Context, stream);
        }
        catch
        {
            Context.Dispose();
            throw;
        }
    }

    /// <summary><c>cuda:0</c></summary>
    public string Name { get; }

    /// <summary>What the driver calls the device: <c>NVIDIA H200</c>.</summary>
    public string Model { get; }

    /// <summary>Compute capability as 10 major + minor.</summary>
    public int Capability { get; }

    /// <summary>Processors that each run blocks of their own.</summary>
    public int Multiprocessors { get; }

    public CudaDriver Driver { get; }

    public ContextHandle Context { get; }

    /// <summary>The stream that all work is queued on.</summary>
    public nint Stream => _stream.Value;

    /// <summary>Opens the device that <c>cuda</c> or <c>cuda:N</c> names.</summary>
    /// <exception cref="BackendException">Whatever is missing: driver, device, a sufficient compute capability.</exception>
    /// <exception cref="BackendNameException">The name has another form.</exception>
    public static CudaDevice Open(string name)
    {
        int ordinal = name == "cuda" ? 0 : Parse(name);
        if (ordinal < 0) throw new BackendNameException(name, "is no device name; use cuda or cuda:N");
        var driver = CudaDriver.Open(name);
        int count;
        driver.Check(driver.DeviceGetCount(&count), "cuDeviceGetCount");
        if (ordinal >= count) throw new BackendException(name, $"there is no such device; this machine has {List(count)}");
        int device;
        driver.Check(driver.DeviceGet(&device, ordinal), "cuDeviceGet");
        return new CudaDevice($"cuda:{ordinal}", driver, device);

        static int Parse(string name) => name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) ? ordinal : -1;

        static string List(int count) => count == 0 ? "none" : string.Join(", ", Enumerable.Range(0, count).Select(i => $"cuda:{i}"));
    }

    /// <summary>Makes the context current; refuses when it is lost.</summary>
    public void Enter()
    {
        if (_lost is not null) throw new BackendException(Name, $"the device's context is lost ({_lost}); restart the program");
        Check(Context.MakeCurrent(), "cuCtxSetCurrent");
    }

    /// <summary>Throws the driver's name and text of an error; after one that loses the context every later call is refused.</summary>
    public void Check(CudaResult result, string call)
    {
        if (result != CudaResult.Success) Fail(result, call);
    }

    /// <summary>Waits for all queued work.</summary>
    public void Synchronize() => Check(Driver.Synchronize(Stream), "cuStreamSynchronize");

    /// <summary>Device memory, or null where there is not enough.</summary>
    public DeviceMemory? TryAllocate(long bytes)
    {
        nint pointer;
        var result = Driver.Allocate(&pointer, (nuint)bytes);
        if (result == CudaResult.OutOfMemory) return null;
        Check(result, "cuMemAlloc");
        return new DeviceMemory(Context, pointer);
    }

    /// <summary>Page-locked host memory.</summary>
    public PinnedMemory AllocatePinned(long bytes)
    {
        nint pointer;
        var result = Driver.AllocateHost(&pointer, (nuint)bytes, 0);
        if (result == CudaResult.OutOfMemory) throw new BackendException(Name, $"out of page-locked host memory: {bytes} bytes were asked for");
        Check(result, "cuMemHostAlloc");
        return new PinnedMemory(Context, pointer);
    }

    /// <summary>A mark to be put into the stream; one that is timed can be measured from, which costs the device a little.</summary>
    public EventHandle CreateEvent(bool isTimed = false)
    {
        nint mark;
        Check(Driver.CreateEvent(&mark, isTimed ? 0u : NoTiming), "cuEventCreate");
        return new EventHandle(Context, mark);
    }

    public void Record(EventHandle mark) => Check(Driver.RecordEvent(mark.Value, Stream), "cuEventRecord");

    public void Wait(EventHandle mark) => Check(Driver.WaitForEvent(mark.Value), "cuEventSynchronize");

    /// <summary>Between two timed marks that the device has passed.</summary>
    public double Seconds(EventHandle start, EventHandle end)
    {
        float milliseconds;
        Check(Driver.ElapsedTime(&milliseconds, start.Value, end.Value), "cuEventElapsedTime");
        return milliseconds / 1e3;
    }

    public void CopyToDevice(nint to, void* pinned, long bytes) => Check(Driver.CopyToDevice(to, pinned, (nuint)bytes, Stream), "cuMemcpyHtoDAsync");

    public void CopyToHost(void* pinned, nint from, long bytes) => Check(Driver.CopyToHost(pinned, from, (nuint)bytes, Stream), "cuMemcpyDtoHAsync");

    public void Fill(nint to, byte value, long bytes) => Check(Driver.Fill(to, value, (nuint)bytes, Stream), "cuMemsetD8Async");

    /// <summary>A number that the driver gives of the device (CUdevice_attribute); 0 for one that it does not know.</summary>
    public int Attribute(int attribute)
    {
        int value;
        var result = Driver.DeviceGetAttribute(&value, attribute, _device);
        if (result == CudaResult.InvalidValue) return 0;
        Check(result, "cuDeviceGetAttribute");
        return value;
    }

    /// <summary>Free and total bytes of the device.</summary>
    public (long Free, long Total) Memory()
    {
        nuint free, total;
        Check(Driver.MemoryInfo(&free, &total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    /// <summary>Waits for all queued work before the end; says nothing of its errors, and does not wait in a lost context.</summary>
    public void Settle()
    {
        if (_lost is null && Context.MakeCurrent() == CudaResult.Success) Driver.Synchronize(Stream);
    }

    /// <summary>Gives the stream and the hold on the context back; no work is under way.</summary>
    public void Dispose()
    {
        _stream.Dispose();
        Context.Dispose();
    }

    [DoesNotReturn]
    private void Fail(CudaResult result, string call)
    {
        string problem = $"{call}: {Driver.Describe(result)}";
        if (!result.LosesContext()) throw new BackendException(Name, problem);
        _lost = problem;
        throw new BackendException(Name, $"{problem}; the device's context is lost, restart the program");
    }
}
