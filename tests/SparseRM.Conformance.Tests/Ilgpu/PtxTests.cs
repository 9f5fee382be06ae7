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
    private static readonly string[] s_mmaSync =
        ["MatMul.MmaSync of PtxTensorCore, MatMulArguments", "MatMul.MmaSync of PtxTensorCore, GatedMatMulArguments"];
    private static readonly string[] s_sharing =
        ["MatMul.Tiled", "MatMul.MmaSync", "Attention.", "RmsNorm.", "SaeTopK.", "SaeGates.Starts", "Score."];
    private static readonly CudaArchitecture[] s_architectures = [CudaArchitecture.SM_80, CudaArchitecture.SM_90];

    private static Dictionary<string, string> Compiled(CudaArchitecture architecture)
    {
        using var context = Context.Create(builder => builder.EnableAlgorithms());
        using var backend = new PTXBackend(context, architecture, CudaInstructionSet.ISA_80, null!);
        return IlgpuKernels.All.ToDictionary(kernel => kernel.Name, kernel => kernel.Ptx(backend));
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
            foreach (var (name, ptx) in compiled)
                Assert.Equal(s_mmaSync.Contains(name), ptx.Contains("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"));
            // 32 rows by 32 columns a warp, 16 inputs a turn: 2 x 4 products.
            Assert.All(s_mmaSync, name => Assert.Equal(8, compiled[name].Split("mma.sync.").Length - 1));
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

    /// <summary>NVIDIA's assembler knows what ILGPU does not: whether the PTX is right, and what registers it takes.</summary>
    [Theory]
    [InlineData(0, "sm_80")]
    [InlineData(1, "sm_90")]
    public void The_assembler_takes_every_kernel_and_spills_no_register(int architecture, string target)
    {
        string assembler = Tool.Find("ptxas", "whether it takes the kernels is not known.");
        string file = Path.GetTempFileName();
        try
        {
            foreach (var (name, ptx) in s_compiled.Value[architecture])
            {
                File.WriteAllText(file, ptx);
                var (exitCode, said) = Tool.Run(assembler, "-v", $"-arch={target}", "-o", "/dev/null", file);
                Assert.True(exitCode == 0, $"{name}: {said}");
                Assert.True(said.Contains(" 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"), $"{name}: {said}");
                int registers = int.Parse(Regex.Match(said, @"Used (\d+) registers").Groups[1].Value);
                // Of 65,536 a multiprocessor has, so that groups of the widest tile, 256 lanes, come two at a time.
                Assert.InRange(registers, 1, 128);
                TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {registers} registers");
            }
        }
        finally
        {
            File.Delete(file);
        }
    }
}
