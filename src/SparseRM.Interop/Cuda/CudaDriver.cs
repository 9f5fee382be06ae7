using System.Runtime.InteropServices;
using SparseRM.Errors;

namespace SparseRM.Interop.Cuda;

/// <summary>The functions of the CUDA driver that are used here, found at run time: nothing of CUDA is needed to build or to start.</summary>
/// <remarks>
/// From <c>libcuda.so.1</c>, or the library that the variable <see cref="Variable"/> names (tests name one that checks calls and computes on the
/// processor). Names and meanings are those of NVIDIA's "CUDA Driver API"; a <c>_v2</c> in a name belongs to the binary interface since CUDA 3.2.
/// </remarks>
internal sealed unsafe class CudaDriver
{
    /// <summary>The environment variable that names another library.</summary>
    public const string Variable = "SPARSERM_CUDA_DRIVER";

    private const string Library = "libcuda.so.1";
    private const int LeastVersion = 12000;
    private readonly nint _library;
    private readonly string _backend;

    public readonly delegate* unmanaged[Cdecl]<uint, CudaResult> Init;
    public readonly delegate* unmanaged[Cdecl]<int*, CudaResult> DriverGetVersion;
    public readonly delegate* unmanaged[Cdecl]<CudaResult, byte**, CudaResult> GetErrorName, GetErrorString;
    public readonly delegate* unmanaged[Cdecl]<int*, CudaResult> DeviceGetCount;
    public readonly delegate* unmanaged[Cdecl]<int*, int, CudaResult> DeviceGet;
    public readonly delegate* unmanaged[Cdecl]<byte*, int, int, CudaResult> DeviceGetName;
    public readonly delegate* unmanaged[Cdecl]<int*, int, int, CudaResult> DeviceGetAttribute;
    public readonly delegate* unmanaged[Cdecl]<nint*, int, CudaResult> PrimaryContextRetain;
    public readonly delegate* unmanaged[Cdecl]<int, CudaResult> PrimaryContextRelease;
    public readonly delegate* unmanaged[Cdecl]<nint, CudaResult> SetCurrentContext;
    public readonly delegate* unmanaged[Cdecl]<nuint*, nuint*, CudaResult> MemoryInfo;
    public readonly delegate* unmanaged[Cdecl]<nint*, nuint, CudaResult> Allocate;
    public readonly delegate* unmanaged[Cdecl]<nint, CudaResult> Free;
    public readonly delegate* unmanaged[Cdecl]<nint*, nuint, uint, CudaResult> AllocateHost;
    public readonly delegate* unmanaged[Cdecl]<nint, CudaResult> FreeHost;
    public readonly delegate* unmanaged[Cdecl]<nint, void*, nuint, nint, CudaResult> CopyToDevice;
    public readonly delegate* unmanaged[Cdecl]<void*, nint, nuint, nint, CudaResult> CopyToHost;
    public readonly delegate* unmanaged[Cdecl]<nint, byte, nuint, nint, CudaResult> Fill;
    public readonly delegate* unmanaged[Cdecl]<nint*, byte*, uint, int*, void**, CudaResult> LoadModule;
    public readonly delegate* unmanaged[Cdecl]<nint, CudaResult> UnloadModule;
    public readonly delegate* unmanaged[Cdecl]<nint*, nint, byte*, CudaResult> GetFunction;
    public readonly delegate* unmanaged[Cdecl]<nint, int, int, CudaResult> SetFunctionAttribute;
    public readonly delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult> Launch;
    public readonly delegate* unmanaged[Cdecl]<nint*, uint, CudaResult> CreateStream, CreateEvent;
    public readonly delegate* unmanaged[Cdecl]<nint, CudaResult> DestroyStream, Synchronize, DestroyEvent, WaitForEvent;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, CudaResult> RecordEvent;
    public readonly delegate* unmanaged[Cdecl]<float*, nint, nint, CudaResult> ElapsedTime;

    public readonly delegate* unmanaged[Cdecl]<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaResult> EncodeTensorMap;

    private CudaDriver(nint library, string backend)
    {
        (_library, _backend) = (library, backend);
        GetErrorName = (delegate* unmanaged[Cdecl]<CudaResult, byte**, CudaResult>)Find("cuGetErrorName");
        GetErrorString = (delegate* unmanaged[Cdecl]<CudaResult, byte**, CudaResult>)Find("cuGetErrorString");
        // Before the functions that an older driver lacks, so that it is refused for its version.
        DriverGetVersion = (delegate* unmanaged[Cdecl]<int*, CudaResult>)Find("cuDriverGetVersion");
        Version = SufficientVersion();
        Init = (delegate* unmanaged[Cdecl]<uint, CudaResult>)Find("cuInit");
        DeviceGetCount = (delegate* unmanaged[Cdecl]<int*, CudaResult>)Find("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged[Cdecl]<int*, int, CudaResult>)Find("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged[Cdecl]<byte*, int, int, CudaResult>)Find("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged[Cdecl]<int*, int, int, CudaResult>)Find("cuDeviceGetAttribute");
        PrimaryContextRetain = (delegate* unmanaged[Cdecl]<nint*, int, CudaResult>)Find("cuDevicePrimaryCtxRetain");
        PrimaryContextRelease = (delegate* unmanaged[Cdecl]<int, CudaResult>)Find("cuDevicePrimaryCtxRelease_v2");
        SetCurrentContext = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuCtxSetCurrent");
        MemoryInfo = (delegate* unmanaged[Cdecl]<nuint*, nuint*, CudaResult>)Find("cuMemGetInfo_v2");
        Allocate = (delegate* unmanaged[Cdecl]<nint*, nuint, CudaResult>)Find("cuMemAlloc_v2");
        Free = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuMemFree_v2");
        AllocateHost = (delegate* unmanaged[Cdecl]<nint*, nuint, uint, CudaResult>)Find("cuMemHostAlloc");
        FreeHost = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuMemFreeHost");
        CopyToDevice = (delegate* unmanaged[Cdecl]<nint, void*, nuint, nint, CudaResult>)Find("cuMemcpyHtoDAsync_v2");
        CopyToHost = (delegate* unmanaged[Cdecl]<void*, nint, nuint, nint, CudaResult>)Find("cuMemcpyDtoHAsync_v2");
        Fill = (delegate* unmanaged[Cdecl]<nint, byte, nuint, nint, CudaResult>)Find("cuMemsetD8Async");
        LoadModule = (delegate* unmanaged[Cdecl]<nint*, byte*, uint, int*, void**, CudaResult>)Find("cuModuleLoadDataEx");
        UnloadModule = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuModuleUnload");
        GetFunction = (delegate* unmanaged[Cdecl]<nint*, nint, byte*, CudaResult>)Find("cuModuleGetFunction");
        SetFunctionAttribute = (delegate* unmanaged[Cdecl]<nint, int, int, CudaResult>)Find("cuFuncSetAttribute");
        Launch = (delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CudaResult>)Find("cuLaunchKernel");
        CreateStream = (delegate* unmanaged[Cdecl]<nint*, uint, CudaResult>)Find("cuStreamCreate");
        DestroyStream = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuStreamDestroy_v2");
        Synchronize = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuStreamSynchronize");
        CreateEvent = (delegate* unmanaged[Cdecl]<nint*, uint, CudaResult>)Find("cuEventCreate");
        DestroyEvent = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuEventDestroy_v2");
        RecordEvent = (delegate* unmanaged[Cdecl]<nint, nint, CudaResult>)Find("cuEventRecord");
        WaitForEvent = (delegate* unmanaged[Cdecl]<nint, CudaResult>)Find("cuEventSynchronize");
        ElapsedTime = (delegate* unmanaged[Cdecl]<float*, nint, nint, CudaResult>)Find("cuEventElapsedTime");
        EncodeTensorMap = (delegate* unmanaged[Cdecl]<void*, int, uint, nint, ulong*, ulong*, uint*, uint*, int, int, int, int, CudaResult>)
            Find("cuTensorMapEncodeTiled");
    }

    /// <summary>The CUDA version that the driver supports, as 1000 major + 10 minor.</summary>
    public int Version { get; }

    /// <summary>Opens the driver and initialises it.</summary>
    /// <param name="backend">The backend that was asked for, for messages.</param>
    /// <exception cref="BackendException">There is none, it is older than CUDA 12.0, or it finds no device.</exception>
    public static CudaDriver Open(string backend)
    {
        string? named = Environment.GetEnvironmentVariable(Variable);
        string path = string.IsNullOrEmpty(named) ? Library : named;
        if (!NativeLibrary.TryLoad(path, out nint library))
        {
            string origin = path == Library ? "" : $" (named by {Variable})";
            throw new BackendException(backend, $"there is no NVIDIA driver: {path}{origin} cannot be opened; install one or take another backend");
        }
        var driver = new CudaDriver(library, backend);
        driver.Check(driver.Init(0), "cuInit");
        return driver;
    }

    /// <summary>Throws the driver's own name and text of an error, and what it means where that does not say it.</summary>
    public void Check(CudaResult result, string call)
    {
        if (result == CudaResult.Success) return;
        string meaning = result == CudaResult.DeviceUnavailable ? "the device is busy: another process holds it in exclusive mode; " : "";
        throw new BackendException(_backend, $"{meaning}{call}: {Describe(result)}");
    }

    /// <summary>For messages: <c>CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected</c>.</summary>
    public string Describe(CudaResult result)
    {
        byte* name, text;
        if (GetErrorName(result, &name) != CudaResult.Success || GetErrorString(result, &text) != CudaResult.Success) return $"error {(int)result}";
        return $"{Marshal.PtrToStringUTF8((nint)name)}: {Marshal.PtrToStringUTF8((nint)text)}";
    }

    private int SufficientVersion()
    {
        int version;
        Check(DriverGetVersion(&version), "cuDriverGetVersion");
        if (version >= LeastVersion) return version;
        throw new BackendException(
            _backend, $"the driver supports CUDA {Text(version)}, at least {Text(LeastVersion)} is needed; update the NVIDIA driver");

        static string Text(int version) => $"{version / 1000}.{version % 1000 / 10}";
    }

    private nint Find(string function) => NativeLibrary.TryGetExport(_library, function, out nint address)
        ? address
        : throw new BackendException(_backend, $"the NVIDIA driver has no function {function}; update it to CUDA {LeastVersion / 1000} or later");
}
