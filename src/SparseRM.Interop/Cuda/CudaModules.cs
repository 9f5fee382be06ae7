using System.Text;
using SparseRM.Errors;

namespace SparseRM.Interop.Cuda;

/// <summary>The kernels of this build: PTX that the build made and embedded, loaded by the driver when an op first needs it.</summary>
internal sealed unsafe class CudaModules(CudaDevice device) : IDisposable
{
    // 48 KiB are to be had without asking, together with what a kernel declares itself: that is less than 1 KiB.
    private const int SharedWithoutAsking = 47 << 10, MaxDynamicSharedAttribute = 8, ErrorLogBuffer = 5, ErrorLogBytes = 6, LogCapacity = 4096;
    private readonly Dictionary<string, ModuleHandle> _modules = [];
    private readonly Dictionary<(CudaVariant Variant, string Ending), nint> _functions = [];
    private readonly Dictionary<nint, int> _shared = [];

    /// <summary>The target of the images for a compute capability: code for sm_90a runs on 9.0 alone, code for sm_80 on all later ones.</summary>
    public string Target => device.Capability == 90 ? "sm_90a" : "sm_80";

    /// <summary>Whether the build that made this assembly had a compiler for kernels.</summary>
    public static bool AreInThisBuild => typeof(CudaModules).Assembly.GetManifestResourceNames().Any(name => name.StartsWith("cuda/"));

    /// <summary>Refuses a build without kernels.</summary>
    public void Require()
    {
        if (!AreInThisBuild)
        {
            throw new BackendException(device.Name,
                "this build has no CUDA kernels, since neither clang-19 nor nvcc was there; install one (apt-get install clang-19) and build again");
        }
    }

    /// <summary>The function <c>{op}_{variant}</c> or <c>{op}_{variant}_{ending}</c>, with room for <paramref name="shared"/> bytes of shared memory.</summary>
    public nint Function(string op, CudaVariant variant, string ending, int shared)
    {
        if (!_functions.TryGetValue((variant, ending), out nint function))
            _functions[(variant, ending)] = function = Find(variant, variant.Own?.Entries[ending] ?? $"{op}_{variant.Name}{(ending.Length > 0 ? "_" : "")}{ending}");
        if (shared > SharedWithoutAsking && shared > _shared.GetValueOrDefault(function))
        {
            device.Check(device.Driver.SetFunctionAttribute(function, MaxDynamicSharedAttribute, shared), "cuFuncSetAttribute");
            _shared[function] = shared;
        }
        return function;
    }

    public void Dispose()
    {
        foreach (var module in _modules.Values) module.Dispose();
        _modules.Clear();
        _functions.Clear();
    }

    private nint Find(CudaVariant variant, string entry)
    {
        string module = variant.Module;
        if (!_modules.TryGetValue(module, out var handle)) _modules[module] = handle = Load(module, variant.Own?.Image ?? Image(module));
        nint function;
        fixed (byte* name = Encoding.UTF8.GetBytes(entry + '\0'))
            device.Check(device.Driver.GetFunction(&function, handle.Value, name), $"cuModuleGetFunction of {entry}");
        return function;
    }

    private ModuleHandle Load(string module, byte[] image)
    {
        byte* log = stackalloc byte[LogCapacity];
        log[0] = 0;
        int* names = stackalloc int[] { ErrorLogBuffer, ErrorLogBytes };
        void** values = stackalloc void*[] { log, (void*)LogCapacity };
        nint loaded;
        CudaResult result;
        fixed (byte* text = image) result = device.Driver.LoadModule(&loaded, text, 2, names, values);
        string said = System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)log)!.Trim();
        string call = $"loading {module} for {Target}{(said.Length > 0 ? $" ({said})" : "")}";
        if (result is CudaResult.NoBinaryForGpu or CudaResult.UnsupportedPtxVersion)
        {
            throw new BackendException(device.Name,
                $"{call}: {device.Driver.Describe(result)}; the kernels are PTX {Version(image)} for {Target}, the device has compute capability "
                + $"{device.Capability / 10}.{device.Capability % 10}: update the driver, or build for this device");
        }
        device.Check(result, call);
        return new ModuleHandle(device.Context, loaded);
    }

    /// <summary>What stands behind <c>.version</c>.</summary>
    private static string Version(ReadOnlySpan<byte> image)
    {
        var rest = image[(image.IndexOf(".version "u8) + ".version ".Length)..];
        return Encoding.UTF8.GetString(rest[..rest.IndexOfAny((byte)'\n', (byte)'\r', (byte)' ')]);
    }

    /// <summary>The PTX text with a zero at its end.</summary>
    private byte[] Image(string module)
    {
        using var stream = typeof(CudaModules).Assembly.GetManifestResourceStream($"cuda/{module}.{Target}.ptx")
            ?? throw new BackendException(device.Name, $"this build has no image of {module} for {Target}");
        var text = new byte[stream.Length + 1];
        stream.ReadExactly(text, 0, (int)stream.Length);
        return text;
    }
}
