using System.Runtime.InteropServices;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>Kernels and builds that are not those of this program: what who writes kernels compares.</summary>
public static class OwnKernel
{
    /// <summary>The name of the variant of MatMul that <see cref="Load"/> adds.</summary>
    public const string Variant = "own";

    /// <summary>The backend that runs a kernel: <c>cuda:0</c> for PTX, else <c>cpu</c>.</summary>
    public static string Backend(string path) => IsPtx(path) ? "cuda:0" : NativeBackend.BackendName;

    /// <summary>
    /// Loads a shared library with one kernel (native/include/srm_kernel.h) into this process, or PTX with its manifest (kernels/README.md), once; before
    /// a backend is opened.
    /// </summary>
    /// <remarks>Code of a stranger: a process that must go on lets another load it.</remarks>
    /// <exception cref="SparseRMException">It is none: cannot be read or loaded, lacks a function or a field, speaks another ABI, or takes no products.</exception>
    public static unsafe void Load(string path)
    {
        NamedPipe.Refuse(path);
        if (IsPtx(path))
        {
            Cuda.OwnPtx.Load(path);
            return;
        }
        NativeAbi.Require();
        if (NativeMethods.srmk_kernel_load(Path.GetFullPath(path)) != SrmkStatus.Ok)
            throw new BackendException(NativeBackend.BackendName, $"the kernel {path}: {Marshal.PtrToStringUTF8((nint)NativeMethods.srmk_last_error())}");
    }

    /// <summary>Whether a file says that it is such a kernel, and no build of the native library.</summary>
    public static bool IsKernel(string path) => IsPtx(path) || Exports(path, "srm_kernel_abi");

    /// <summary>Takes another build of the native library, from this path; before anything else here is used.</summary>
    /// <exception cref="BackendException">It is no build of the native library.</exception>
    /// <exception cref="InvalidOperationException">It is too late, or was done before.</exception>
    public static void UseBuild(string path)
    {
        if (!Exports(path, "srmk_abi_version")) throw new BackendException(NativeBackend.BackendName, $"{path} is neither a build of the native library nor a kernel");
        NativeLibrary.SetDllImportResolver(typeof(OwnKernel).Assembly, (name, _, _) => name == NativeMethods.Library ? NativeLibrary.Load(Path.GetFullPath(path)) : 0);
        NativeAbi.Require();
    }

    private static bool IsPtx(string path) => path.EndsWith(".ptx", StringComparison.Ordinal);

    private static bool Exports(string path, string function)
    {
        NamedPipe.Refuse(path);
        if (!File.Exists(path)) throw new BackendException(NativeBackend.BackendName, $"there is no file {path}");
        if (!NativeLibrary.TryLoad(Path.GetFullPath(path), out nint library))
            throw new BackendException(NativeBackend.BackendName, $"{path} cannot be loaded: it is no shared library for this machine");
        try
        {
            return NativeLibrary.TryGetExport(library, function, out _);
        }
        finally
        {
            NativeLibrary.Free(library);
        }
    }
}
