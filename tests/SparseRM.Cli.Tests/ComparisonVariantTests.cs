using SparseRM.Interop.Cuda;

namespace SparseRM.Cli.Tests;

/// <summary>A kernel whose rows may depend on their batch is shown as what it is, and computes no score.</summary>
public sealed class ComparisonVariantTests
{
    private static readonly string s_mock = Path.Combine(AppContext.BaseDirectory, "libsrm_mock_cuda.so");

    public ComparisonVariantTests() =>
        Assert.SkipUnless(CudaBackend.HasKernels, "this build has no CUDA kernels; apt-get install clang-19");

    [Fact]
    public void Kernels_says_of_which_kernels_a_row_may_depend_on_its_batch()
    {
        var rows = Run(s_mock, "kernels", "--backend", "cuda:0", "--json").Json().GetProperty("kernels").EnumerateArray().ToArray();
        var found = Assert.Single(rows, row => !row.GetProperty("batch_invariant").GetBoolean());
        Assert.Equal(
            ("matmul", "cublaslt", true, false),
            (found.GetProperty("op").GetString(), found.GetProperty("variant").GetString(),
                found.GetProperty("supported").GetBoolean(), found.GetProperty("selected").GetBoolean()));
        Assert.Contains("only to compare", Run(s_mock, "kernels", "--backend", "cuda:0", "--op", "matmul").Succeeded());
        rows = [.. Run("/nowhere", "kernels", "--backend", "cuda:0", "--json").Json().GetProperty("kernels").EnumerateArray()];
        found = Assert.Single(rows, row => row.GetProperty("variant").GetString() == "cublaslt");
        Assert.False(found.GetProperty("supported").GetBoolean());
    }

    [Theory]
    [InlineData("score", "--model", "m", "--reward", "r", "--input", "-")]
    [InlineData("demo")]
    [InlineData("bench", "--shape", "miniworld")]
    public void No_score_is_computed_with_such_a_kernel(params string[] command) =>
        Run(s_mock, [.. command, "--backend", "cuda:0", "--variant", "matmul=cublaslt"]).Failed(2,
            "--variant: matmul=cublaslt of the backend cuda:0 is for comparison only (sparserm kernels bench): ",
            "a row's bits may depend on its batch; it can run tiled, mma_sync, skinny");

    /// <summary>What was asked for by name computes, or nothing does.</summary>
    [Fact]
    public void A_kernel_that_does_not_take_the_type_is_not_replaced_in_silence() =>
        Run(s_mock, "bench", "--shape", "miniworld", "--quick", "--backend", "cuda:0", "--variant", "matmul=mma_sync", "--dtype", "f32").Failed(2,
            "matmul=mma_sync of the backend cuda:0 does not compute in f32, tiled would in its place; those that do are tiled");

    private static CliResult Run(string library, params string[] args)
    {
        var input = CliInput.Text("{\"ids\": [2]}");
        (input.Environment[CudaBackend.DriverVariable], input.Environment[CudaBackend.CublasLtVariable]) = (s_mock, library);
        return Cli.Run(input, args);
    }
}
