using SparseRM.Backends;
using SparseRM.Ilgpu;
using SparseRM.Interop.Cuda;

namespace SparseRM.Golden.Tests;

/// <summary>The backends on which every golden is tested, with the bound of a float32 run.</summary>
public static class GoldenBackends
{
    private const string Cuda = "cuda:0", IlgpuCpu = "ilgpu:cpu";

    /// <summary>Without clang-19 or nvcc there are no CUDA kernels to be tested; SparseRM.Cuda.Tests says so.</summary>
    public static readonly string[] Names = AskedBackends.Of(CudaBackend.HasKernels ? ["reference", "cpu", Cuda, IlgpuCpu] : ["reference", "cpu", IlgpuCpu]);

    public static readonly TheoryData<string> Rows = [.. Names];

    /// <summary><c>cuda:0</c> is the mock driver of tests/mock_cuda, which runs the kernels on the processor.</summary>
    public static Backend Open(string name) => IsOfIlgpu(name) ? IlgpuBackend.Open(name) : BackendCatalog.Open(name);

    /// <summary>Emulated devices are slow: they are shown one in five.</summary>
    public static T[] Some<T>(string name, T[] all) => IsOfIlgpu(name) || (name == Cuda && MockDriver.IsInstalled) ? [.. all.Where((_, i) => i % 5 == 0)] : all;

    private static bool IsOfIlgpu(string name) => name.StartsWith("ilgpu:", StringComparison.Ordinal);

    /// <summary>Float64 sums, or float32 ones: relative 2-norm against a float32 golden.</summary>
    public static double Bound(string name) => name == "reference" ? 5e-6 : 2e-5;
}
