using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using SparseRM.Errors;

namespace SparseRM.Ilgpu.Devices;

/// <summary>Finds a device by its name and opens it.</summary>
internal static class DeviceSearch
{
    /// <summary>Most lanes of a group on the CPU accelerator: ILGPU starts a thread for each lane that a kernel asks for.</summary>
    private const int CpuWarpSize = 32, CpuWarps = 8;

    private static readonly Lock s_search = new();

    /// <summary>Opens the device in a context of its own.</summary>
    /// <param name="name">Which.</param>
    /// <param name="threads">Groups that the CPU accelerator runs at once; 0 for one a processor. Other devices ignore it.</param>
    /// <exception cref="BackendException">It is not there, or does not open; says what was looked for and what was found.</exception>
    public static (Context Context, Accelerator Accelerator) Open(DeviceName name, int threads)
    {
        var context = CreateContext(name);
        try
        {
            return (context, name.Kind switch
            {
                "cpu" => OpenCpu(context, threads),
                "cuda" => Device<CudaDevice>(context, name).CreateAccelerator(context),
                _ => Device<CLDevice>(context, name).CreateAccelerator(context),
            });
        }
        catch (Exception error) when (error is AcceleratorException or CapabilityNotSupportedException or NotSupportedException)
        {
            context.Dispose();
            throw new BackendException($"{name}", $"the device was found and does not open: {error.Message}");
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    private static Context CreateContext(DeviceName name)
    {
        if (name.Kind == "cuda") CudaLibrary.Resolve();
        // One search at a time: of two that began at once, before PoCL had compiled anything, one found no device (seen once).
        lock (s_search)
        {
            return Context.Create(builder =>
            {
                builder.EnableAlgorithms();
                builder.Profiling();  // marks between which a stream can be timed
                if (name.Kind == "cuda") builder.Cuda();
                if (name.Kind == "opencl") builder.OpenCL();
            });
        }
    }

    private static CPUAccelerator OpenCpu(Context context, int threads)
    {
        if (threads is < 0 or > 1024) throw new BackendException("ilgpu:cpu", "the number of threads must lie between 0 (all processors) and 1024");
        var device = new CPUDevice(CpuWarpSize, CpuWarps, threads == 0 ? Environment.ProcessorCount : threads);
        return device.CreateCPUAccelerator(context, CPUAcceleratorMode.Parallel);
    }

    private static Device Device<T>(Context context, DeviceName name) where T : Device
    {
        Device[] found = [.. context.Devices.OfType<T>()];
        if (name.Index < found.Length) return found[name.Index];
        string looked = name.Kind == "cuda"
            ? $"CUDA device {name.Index} of the driver ({CudaLibrary.Names})"
            : $"OpenCL device {name.Index} with a generic address space";
        string there = found.Length > 0 ? $"found {string.Join(", ", Enumerable.Range(0, found.Length).Select(i => $"{i}: {found[i].Name}"))}"
            : name.Kind == "cuda" && !CudaLibrary.IsThere ? "found no such driver"
            : $"found no {(name.Kind == "cuda" ? "CUDA" : "OpenCL")} device that ILGPU can use";
        throw new BackendException($"{name}", $"looked for {looked}; {there}; ilgpu:cpu runs anywhere");
    }
}
