using SparseRM.Backends;
using SparseRM.Ilgpu;

namespace SparseRM.Golden.Tests;

/// <summary>The backends on which every golden is tested, with the bound of a float32 run.</summary>
public static class GoldenBackends
{
    public static readonly string[] Names = ["reference", "cpu", "ilgpu:cpu"];

    public static readonly TheoryData<string> Rows = [.. Names];

    public static Backend Open(string name) => name == "ilgpu:cpu" ? IlgpuBackend.Open(name) : BackendCatalog.Open(name);

    /// <summary>ILGPU's CPU accelerator is slow: it is shown one in five.</summary>
    public static T[] Some<T>(string name, T[] all) => name == "ilgpu:cpu" ? [.. all.Where((_, i) => i % 5 == 0)] : all;

    /// <summary>Float64 sums, or float32 ones: relative 2-norm against a float32 golden.</summary>
    public static double Bound(string name) => name == "reference" ? 5e-6 : 2e-5;
}
