using System.Diagnostics;
using SparseRM.Interop.Cuda;

namespace SparseRM.Cli.Tests;

/// <summary>Kernels of a user's own for GPUs, under the mock driver: the example in the tree, and what can be wrong with one.</summary>
public sealed class OwnPtxTests : IDisposable
{
    private const string Shape = "matmul:rows=7;inputs=40;outputs=70";
    private static readonly CliInput s_mock = new()
    {
        Environment = new() { [CudaBackend.DriverVariable] = Path.Combine(AppContext.BaseDirectory, "libsrm_mock_cuda.so") },
    };

    private static readonly string s_examples = Path.Combine(SharedData.Root, "kernels", "examples");
    private static readonly Lazy<string?> s_ptx = new(Compile);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The example as PTX, or null where there is no compiler for it.</summary>
    private static string? Compile()
    {
        using var folder = new TemporaryFolder();
        using var compiler = Process.Start("sh", [Path.Combine(SharedData.Root, "kernels", "compile.sh"), "sm_80", folder.Path, Path.Combine(s_examples, "own_matmul.cu")]);
        compiler.WaitForExit();
        if (compiler.ExitCode == 3) return null;
        Assert.Equal(0, compiler.ExitCode);
        return File.ReadAllText(folder.File("own_matmul.sm_80.ptx"));
    }

    /// <summary>The example with its manifest, some of the text of both changed.</summary>
    private string Kernel(params (string Text, string Other)[] changes)
    {
        Assert.SkipUnless(CudaBackend.HasKernels && s_ptx.Value is not null, "there is no compiler for CUDA kernels; apt-get install clang-19");
        string ptx = s_ptx.Value, manifest = File.ReadAllText(Path.Combine(s_examples, "own_matmul.sm_80.json"));
        foreach (var (text, other) in changes)
        {
            Assert.True(ptx.Contains(text) || manifest.Contains(text), text);
            (ptx, manifest) = (ptx.Replace(text, other), manifest.Replace(text, other));
        }
        File.WriteAllText(_folder.File("own.ptx"), ptx);
        File.WriteAllText(_folder.File("own.json"), manifest);
        return _folder.File("own.ptx");
    }

    [Fact]
    public void The_example_is_right_and_is_timed_beside_ours()
    {
        string kernel = Kernel();
        var json = Cli.Run(s_mock, "kernels", "check", kernel, "--json").Json();
        Assert.Equal((true, 120), (json.GetProperty("right").GetBoolean(), json.GetProperty("products").GetInt32()));
        var rows = Cli.Run(s_mock, "bench", "ops", "--kernel", kernel, "--axes", Shape, "--dtype", "bf16", "--quick", "--json").Json();
        Assert.Equal("cuda:0", rows.GetProperty("backend").GetString());
        string[] variants = [.. rows.GetProperty("ops").EnumerateArray().Select(row => row.GetProperty("variant").GetString()!)];
        Assert.Equal(("tiled", "own"), (variants[0], variants[^1]));
        var ab = Cli.Run(s_mock, "bench", "ab", "tiled", kernel, "--shape", Shape, "--dtype", "f32", "--rounds", "16", "--seconds", "1", "--json").Json();
        Assert.Equal(("tiled", "own"), (ab.GetProperty("a_variant").GetString(), ab.GetProperty("b_variant").GetString()));
    }

    [Theory]
    [InlineData("\"threads\": 256,", "", "own.json: \"threads\" is missing")]
    [InlineData("\"entries\": {", "\"other\": {", "own.json: \"entries\" is missing; \"other\" is no field of a manifest")]
    [InlineData("\"abi\": 1", "\"abi\": 2", "own.json: \"abi\" is 2, this build takes 1")]
    [InlineData("\"op\": \"matmul\"", "\"op\": \"attention\"", "own.json: \"op\" is attention, this build takes matmul")]
    [InlineData("\"threads\": 256", "\"threads\": 2048", "own.json: \"threads\" must be a whole number from 1 to 1024, found 2048")]
    [InlineData("\"threads\": 256", "\"threads\": 512", "for at most 256 threads, its manifest says 512")]
    [InlineData("\"bf16\": \"own_matmul_bf16\"", "\"bf16\": \"own_matmul_bf17\"", "has no entry own_matmul_bf17; it has own_matmul_")]
    [InlineData("\"bf16\": \"own_matmul_bf16\"", "\"i8\": \"own_matmul_bf16\"", "\"entries.i8\" is none of bf16, f32, f32_bf16")]
    [InlineData(".param .u32 own_matmul_bf16_param_9", ".param .u64 own_matmul_bf16_param_9", "a product is launched with 8, 4, 8, 4, 8, 8, 4, 4, 4, 4")]
    [InlineData(".target sm_80", ".target sm_90a", "is for sm_90a, its manifest says sm_80")]
    [InlineData("sm_80", "sm_100", "is for sm_100, Mock 0 has compute capability 9.0: compile it for sm_90")]
    [InlineData(".version 8", "no version 8", "is no PTX")]
    [InlineData("\"tile_rows\": 16", "\"tile_rows\": 32", "of y unwritten, or NaN")]
    public void What_is_wrong_with_a_kernel_is_one_sentence(string text, string other, string problem) =>
        Cli.Run(s_mock, "kernels", "check", Kernel((text, other))).Failed(1, "own.", problem);

    [Fact]
    public void A_kernel_without_a_manifest_or_for_another_backend_is_refused()
    {
        string kernel = Kernel();
        Cli.Run(s_mock, "bench", "ops", "--kernel", kernel, "--backend", "cpu", "--axes", Shape).Failed(2, kernel, "runs on cuda:N, not on cpu");
        File.Delete(_folder.File("own.json"));
        Cli.Run(s_mock, "kernels", "check", kernel).Failed(1, "own.json");
    }
}
