using SparseRM.Backends;
using SparseRM.Ilgpu;
using SparseRM.Interop;

namespace SparseRM.Conformance;

/// <summary>The backends that are held against the oracle, and what each is asked to do.</summary>
public static class TestedBackends
{
    public const string Cpu = "cpu", IlgpuCpu = "ilgpu:cpu";

    public static readonly string[] Names = [Cpu, IlgpuCpu];

    public static readonly TheoryData<string> Rows = [.. Names];

    public static Backend Open(string name, int threads) => name == Cpu ? NativeBackend.Open(threads) : IlgpuBackend.Open(name, threads);

    /// <summary>ILGPU's CPU accelerator is for tests alone: there lengths are fewer and real sizes left out.</summary>
    public static bool IsFast(string name) => name == Cpu;

    /// <summary>Lengths round every vector width: 1 to 2 * 16 + 1, then around the panel of 64.</summary>
    public static IEnumerable<int> Lengths(string name) => IsFast(name)
        ? [.. Enumerable.Range(1, 33), 47, 48, 49, 63, 64, 65, 127, 130]
        : [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130];
}
