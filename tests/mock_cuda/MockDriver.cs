using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using SparseRM.Interop.Cuda;

namespace SparseRM.Testing;

/// <summary>The mock driver and cuBLASLt that the cuda backend of this process opens: it checks every call, the processor computes.</summary>
public static partial class MockDriver
{
    private const string Library = "srm_mock_cuda";

    /// <summary>The library beside the tests.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, $"lib{Library}.so");

    /// <summary>What the mock noted about wrong calls since the last time; empty where all were right.</summary>
    public static string Violations()
    {
        var text = new byte[1 << 16];
        srm_mock_violations(text, text.Length);
        return Encoding.UTF8.GetString(text, 0, Array.IndexOf(text, (byte)0));
    }

    /// <summary>Contexts, blocks, streams, events, modules and objects of cuBLASLt that are alive.</summary>
    public static int Alive() => srm_mock_alive();

    /// <summary>Sets version, devices, capability, multiprocessors, memory, clock, memory_clock or algorithms.</summary>
    public static void Set(string name, long value) => srm_mock_set(name, value);

    /// <summary>Lets a call of a function ("*": any) fail.</summary>
    public static void Fail(string function, int callsBefore, int result) => srm_mock_fail(function, callsBefore, result);

    /// <summary>Whether the call that <see cref="Fail"/> lets fail has not come yet.</summary>
    public static bool WillFail() => srm_mock_will_fail() != 0;

    /// <summary>Changes a parameter of every launch of a kernel; -1 ends it.</summary>
    public static void Tamper(string kernel, int parameter, long add) => srm_mock_tamper(kernel, parameter, add);

    /// <summary>
    /// Calls of a driver function or launches of a kernel so far; <c>waits with work behind</c>: waits for a mark that was not passed, while the device had more to do.
    /// </summary>
    public static int Count(string name) => srm_mock_count(name);

    /// <summary>Parameters of an emulated kernel; -1 where there is none of that name.</summary>
    public static int Parameters(string kernel) => srm_mock_parameters(kernel);

    /// <summary>Whether a parameter is a pointer.</summary>
    public static bool IsPointer(string kernel, int parameter) => srm_mock_is_pointer(kernel, parameter) != 0;

    /// <summary>Whether the cuda backend opens the mock: not where the variable names another driver, so that tests of kernels run on a GPU.</summary>
    public static bool IsInstalled { get; private set; }

    [ModuleInitializer]
    internal static void Install()
    {
        IsInstalled = string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CudaBackend.DriverVariable));
        if (!IsInstalled) return;
        Environment.SetEnvironmentVariable(CudaBackend.DriverVariable, Path);
        Environment.SetEnvironmentVariable(CudaBackend.CublasLtVariable, Path);
    }

    [LibraryImport(Library)]
    private static partial void srm_mock_violations(byte[] text, int capacity);

    [LibraryImport(Library)]
    private static partial int srm_mock_alive();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial void srm_mock_set(string name, long value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial void srm_mock_fail(string function, int callsBefore, int result);

    [LibraryImport(Library)]
    private static partial int srm_mock_will_fail();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial void srm_mock_tamper(string kernel, int parameter, long add);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int srm_mock_count(string name);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int srm_mock_parameters(string kernel);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int srm_mock_is_pointer(string kernel, int parameter);
}
