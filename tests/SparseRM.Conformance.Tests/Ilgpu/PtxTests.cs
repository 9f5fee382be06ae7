using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Backends;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using SparseRM.Ilgpu;

namespace SparseRM.Conformance.Ilgpu;

/// <summary>What ILGPU makes of every kernel for two generations of GPUs. Read, not run: no GPU is needed, and none has seen it.</summary>
public class PtxTests
{
    private const string MmaSync = "MatMul.MmaSync of PtxTensorCore";
    private static readonly string[] s_sharing = ["MatMul.Tiled", "MatMul.MmaSync", "Attention.", "RmsNorm.", "SaeTopK."];
    private static readonly CudaArchitecture[] s_architectures = [CudaArchitecture.SM_80, CudaArchitecture.SM_90];

    private static Dictionary<string, string> Compiled(CudaArchitecture architecture)
    {
        using var context = Context.Create(builder => builder.EnableAlgorithms());
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_80, null!);
        return IlgpuKernels.All.GroupBy(kernel => kernel.Name)
            .ToDictionary(same => same.Key, same => string.Concat(same.Select(kernel => kernel.Ptx(backend))));
    }

    private static readonly Lazy<Dictionary<string, string>[]> s_compiled = new(() => [.. s_architectures.Select(Compiled)]);

    [Fact]
    public void Every_kernel_compiles_for_both_and_is_an_entry_for_sm_80()
    {
        foreach (var compiled in s_compiled.Value)
        {
            Assert.All(compiled, kernel => Assert.Contains(".visible .entry", kernel.Value));
            // ILGPU 1.5 knows no later target; newer devices take the same PTX.
            Assert.All(compiled, kernel => Assert.Contains(".target sm_80", kernel.Value));
        }
    }

    [Fact]
    public void Tensor_cores_are_used_where_the_name_says_so_and_nowhere_else()
    {
        foreach (var compiled in s_compiled.Value)
        {
            foreach (var (name, ptx) in compiled) Assert.Equal(name == MmaSync, ptx.Contains("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"));
            // 32 rows by 32 outputs a warp, 16 inputs a turn: 2 x 4 products.
            Assert.Equal(8, compiled[MmaSync].Split("mma.sync.").Length - 1);
        }
    }

    [Fact]
    public void No_kernel_spills_to_local_memory()
    {
        foreach (var compiled in s_compiled.Value)
            Assert.All(compiled, kernel => Assert.False(kernel.Value.Contains(".local"), $"{kernel.Key} uses .local"));
    }

    [Fact]
    public void Groups_share_memory_within_what_every_device_has()
    {
        foreach (var (name, ptx) in s_compiled.Value[0])
        {
            int bytes = Regex.Matches(ptx, @"\.shared \.align \d+ \.b8 \S+\[(\d+)\]").Sum(m => int.Parse(m.Groups[1].Value));
            Assert.InRange(bytes, 0, 48 << 10);
            Assert.Equal(s_sharing.Any(start => name.StartsWith(start, StringComparison.Ordinal)), bytes > 0);
        }
    }

    [Fact]
    public void Tanh_is_not_the_approximation_of_eleven_bits()
    {
        foreach (var compiled in s_compiled.Value) Assert.All(compiled, kernel => Assert.DoesNotContain("tanh.approx", kernel.Value));
    }
}
