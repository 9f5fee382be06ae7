using SparseRM.Backends;
using SparseRM.Ilgpu;
using SparseRM.Interop;
using SparseRM.Interop.Cuda;

namespace SparseRM.Conformance;

/// <summary>The backends that are held against the oracle, and what each is asked to do.</summary>
public static class TestedBackends
{
    public const string Cpu = "cpu", Cuda = "cuda:0", IlgpuCpu = "ilgpu:cpu";

    /// <summary>Without clang-19 or nvcc there are no CUDA kernels to be tested; SparseRM.Cuda.Tests says so.</summary>
    public static readonly string[] Names = AskedBackends.Of(CudaBackend.HasKernels ? [Cpu, Cuda, IlgpuCpu] : [Cpu, IlgpuCpu]);

    public static readonly TheoryData<string> Rows = [.. Names];

    public static Backend Open(string name, int threads) => name switch
    {
        Cpu => NativeBackend.Open(threads),
        Cuda => CudaBackend.Open(name),  // the mock driver of tests/mock_cuda, which runs the kernels on the processor
        _ => IlgpuBackend.Open(name, threads),
    };

    /// <summary>Emulated devices are a thousand times slower than what they stand for: there lengths are fewer and real sizes left out.</summary>
    public static bool IsFast(string name) => name == Cpu || (name == Cuda && !MockDriver.IsInstalled);

    /// <summary>Lengths round every vector width: 1 to 2 * 16 + 1, then around the panel of 64; some of them on an emulated device.</summary>
    public static IEnumerable<int> Lengths(string name) => IsFast(name)
        ? [.. Enumerable.Range(1, 33), 47, 48, 49, 63, 64, 65, 127, 130]
        : [1, 2, 5, 8, 15, 16, 17, 33, 64, 65, 130];
}
