using System.Reflection;

namespace SparseRM.Interop;

/// <summary>Which kernels this build has.</summary>
public static class KernelSources
{
    /// <summary>The first 16 hexadecimal digits of a hash over the sources of all native and CUDA kernels.</summary>
    public static string Hash { get; } =
        typeof(KernelSources).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == "KernelSources").Value!;
}
