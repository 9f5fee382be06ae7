using System.Reflection;
using System.Runtime.InteropServices;
using ParquetSharp;

namespace SparseRM.CApi;

/// <summary>The native library that reads parquet. It is larger than this one, so it is no part of it: where it lies beside, it is loaded at the first parquet file.</summary>
internal static unsafe partial class ParquetLibrary
{
    private const string Name = "ParquetSharpNative";

    static ParquetLibrary() => NativeLibrary.SetDllImportResolver(typeof(ParquetFileReader).Assembly, (name, _, _) => Load(name));

    /// <summary>Insists that a file can be read, if it is parquet.</summary>
    /// <exception cref="CallException">It is, and the native library is neither beside this one nor where the system looks.</exception>
    public static void RequireFor(string path)
    {
        if (!File.Exists(path)) return; // whoever reads it says so
        Span<byte> head = stackalloc byte[4];
        using (var file = File.OpenRead(path))
            if (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || !head.SequenceEqual("PAR1"u8)) return;
        if (Load(Name) != 0) return;
        throw new CallException(Status.Data, $"{path}: parquet needs {Name}.so beside libsparserm.so (runtimes/linux-x64/native of the NuGet package ParquetSharp "
            + $"{typeof(ParquetFileReader).Assembly.GetName().Version}); put it there, or give jsonl");
    }

    private static nint Load(string name) =>
        NativeLibrary.TryLoad(Path.Combine(Path.GetDirectoryName(Marshal.PtrToStringUTF8((nint)OwnPath())) ?? "", $"{name}.so"), out nint beside) ? beside
            : NativeLibrary.TryLoad($"{name}.so", out nint elsewhere) ? elsewhere : 0;

    [LibraryImport("sparserm_start", EntryPoint = "srm_own_path")]
    private static partial byte* OwnPath();
}
