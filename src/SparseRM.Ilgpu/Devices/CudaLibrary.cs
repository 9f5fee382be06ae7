using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU.Runtime.Cuda;

namespace SparseRM.Ilgpu.Devices;

/// <summary>
/// The CUDA driver's library. ILGPU asks for <c>libcuda.so</c>, which only a CUDA toolkit installs; the driver itself brings <c>libcuda.so.1</c>.
/// Without this ILGPU finds no device there and says nothing.
/// </summary>
internal static class CudaLibrary
{
    private static readonly string[] s_names = OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];
    private static readonly Lock s_lock = new();
    private static bool s_isResolved;

    /// <summary>The files that are tried, for messages.</summary>
    public static string Names => string.Join(" and ", s_names);

    /// <summary>Whether one of them opens.</summary>
    public static bool IsThere => Load(typeof(CudaAPI).Assembly) != 0;

    /// <summary>Makes ILGPU find the driver; to be called before it looks.</summary>
    public static void Resolve()
    {
        lock (s_lock)
        {
            if (s_isResolved) return;
            NativeLibrary.SetDllImportResolver(typeof(CudaAPI).Assembly, (name, assembly, _) => name is "cuda" or "nvcuda" ? Load(assembly) : 0);
            s_isResolved = true;
        }
    }

    private static nint Load(Assembly assembly)
    {
        foreach (string name in s_names)
            if (NativeLibrary.TryLoad(name, assembly, null, out nint handle)) return handle;
        return 0;
    }
}
