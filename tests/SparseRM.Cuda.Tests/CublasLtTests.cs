using System.Runtime.InteropServices;
using SparseRM.Backends;
using SparseRM.Benchmarking.Ops;
using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Products by cuBLASLt: what is asked of the library, what becomes of its errors, and that nobody gets them unasked.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class CublasLtTests : IDisposable
{
    private const string Variant = "cublaslt";
    private const string NoAlgorithm =
        "cuda:0: cuBLASLt has no algorithm for a product of 3 rows of 12 inputs and 7 outputs; select another variant of MatMul";

    public CublasLtTests()
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
    }

    public void Dispose()
    {
        MockDriver.Set("capability", 90);
        MockDriver.Set("algorithms", 1);
        MockDriver.Fail("*", 0, 0);
        Environment.SetEnvironmentVariable(CudaBackend.CublasLtVariable, MockDriver.Path);
        Assert.Equal((0, ""), (MockDriver.Alive(), MockDriver.Violations()));
    }

    [Theory]
    [InlineData(3, 12, 7, 7, 0, 0)]
    [InlineData(3, 12, 7, 7, 0, null)]
    [InlineData(1, 3, 1, 1, 1, 3)]
    [InlineData(17, 65, 33, 40, 3, 1)]
    [InlineData(130, 8, 130, 131, 2, 2)]
    public void Computes_a_product_at_any_place(int rows, int inputs, int outputs, int stride, int offset, int? bias)
    {
        using var backend = Open();
        using var product = new Operands(backend, rows, inputs, outputs, stride, offset, bias);
        Assert.Equal(product.Expected, product.Multiply());
        Assert.Equal(1, product.Calls);
    }

    [Theory]
    [InlineData("/nowhere/libcublasLt.so", "/nowhere/libcublasLt.so (named by SPARSERM_CUBLASLT) cannot be opened")]
    [InlineData("libc.so.6", "libc.so.6 has no function cublasLtGetStatusName")]
    public void Without_the_library_it_is_not_supported_and_nothing_else_is_missed(string library, string problem)
    {
        Environment.SetEnvironmentVariable(CudaBackend.CublasLtVariable, library);
        Assert.NotEmpty(Scenario.Run());
        using var backend = CudaBackend.Open();
        Assert.False(backend.Variants(OpKind.MatMul).Single(variant => variant.Name == Variant).Supported);
        string message = Assert.Throws<BackendException>(() => backend.Select(OpKind.MatMul, Variant)).Message;
        string wanted = $"cuda:0: variant \"cublaslt\" of MatMul is computed by NVIDIA's cuBLASLt, and {problem}";
        Assert.Equal($"{wanted}; it can run: tiled, mma_sync, skinny, wgmma_tma", message);
    }

    [Fact]
    public void Says_which_libraries_were_looked_for()
    {
        string[] names = ["libcublasLt.so.13", "libcublasLt.so.12"];
        Assert.SkipWhen(names.Any(name => NativeLibrary.TryLoad(name, out _)), "this machine has cuBLASLt");
        Environment.SetEnvironmentVariable(CudaBackend.CublasLtVariable, null);
        using var backend = CudaBackend.Open();
        string message = Assert.Throws<BackendException>(() => backend.Select(OpKind.MatMul, Variant)).Message;
        Assert.Contains("cuBLASLt, and neither libcublasLt.so.13 nor libcublasLt.so.12 can be opened; install it, ", message);
    }

    [Theory]
    [InlineData("cublasLtCreate", 1, "CUBLAS_STATUS_NOT_INITIALIZED")]
    [InlineData("cublasLtMatmulDescCreate", 3, "CUBLAS_STATUS_ALLOC_FAILED")]
    [InlineData("cublasLtMatmulDescSetAttribute", 7, "CUBLAS_STATUS_INVALID_VALUE")]
    [InlineData("cublasLtMatrixLayoutCreate", 3, "CUBLAS_STATUS_ALLOC_FAILED")]
    [InlineData("cublasLtMatmulPreferenceCreate", 3, "CUBLAS_STATUS_ALLOC_FAILED")]
    [InlineData("cublasLtMatmulPreferenceSetAttribute", 7, "CUBLAS_STATUS_INVALID_VALUE")]
    [InlineData("cublasLtMatmulAlgoGetHeuristic", 14, "CUBLAS_STATUS_INTERNAL_ERROR")]
    [InlineData("cublasLtMatmul", 13, "CUBLAS_STATUS_EXECUTION_FAILED")]
    public void A_call_that_fails_is_named_with_its_status_and_may_be_tried_again(string function, int status, string name)
    {
        using var backend = Open();
        using var product = new Operands(backend);
        MockDriver.Fail(function, 0, status);
        Assert.StartsWith($"cuda:0: {function}: {name} ({status}): ", Assert.Throws<BackendException>(product.Multiply).Message);
        Assert.Equal(product.Expected, product.Multiply());
    }

    [Fact]
    public void A_shape_without_an_algorithm_is_one_sentence_and_another_variant_computes_it()
    {
        using var backend = Open();
        using var product = new Operands(backend);
        MockDriver.Set("algorithms", 0);
        Assert.Equal(NoAlgorithm, Assert.Throws<BackendException>(product.Multiply).Message);
        MockDriver.Set("algorithms", 1);
        MockDriver.Fail("cublasLtMatmulAlgoGetHeuristic", 0, 15);  // not supported, which is how the library may say the same
        Assert.Equal(NoAlgorithm, Assert.Throws<BackendException>(product.Multiply).Message);
        backend.Select(OpKind.MatMul, "mma_sync");
        Assert.Equal(product.Expected, product.Multiply());
    }

    [Fact]
    public void A_context_that_is_lost_in_the_library_is_said_to_be_lost_and_everything_is_given_back()
    {
        using var backend = Open();
        using var product = new Operands(backend);
        product.Multiply();
        MockDriver.Fail("cublasLtMatmul", 0, 700);
        string Failure() => Assert.Throws<BackendException>(product.Multiply).Message;
        Assert.StartsWith("cuda:0: cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED (13)", Failure());
        Assert.EndsWith("the device's context is lost, restart the program", Failure());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(700)]
    public void Whatever_call_fails_is_one_sentence_and_leaves_nothing(int code)
    {
        MockDriver.Set("capability", 80);  // whose workspace is smaller
        int failures = 0;
        for (int call = 0; ; call++)
        {
            MockDriver.Fail("*", call, code);
            int before = MockDriver.Count("cublasLtMatmul");
            try
            {
                using var backend = Open();
                using var product = new Operands(backend);
                Assert.Equal(product.Expected, product.Multiply());
                MockDriver.Fail("*", 0, 0);
                if (MockDriver.Count("cublasLtMatmul") > before && call > 200) break;
            }
            catch (BackendException error)
            {
                failures++;
                Assert.StartsWith("cuda:0: ", error.Message);
                Assert.DoesNotContain("\n", error.Message);
            }
            Assert.Equal(0, MockDriver.Alive());
        }
        Assert.InRange(failures, 30, 200);
        MockDriver.Violations();  // of what was done after waiting had failed
    }

    [Fact]
    public void An_algorithm_is_chosen_once_for_a_shape_and_a_bounded_number_is_kept()
    {
        using var backend = Open();
        int before = MockDriver.Count("cublasLtMatmulAlgoGetHeuristic");
        int Chosen() => MockDriver.Count("cublasLtMatmulAlgoGetHeuristic") - before;
        int Kept() => MockDriver.Count("cublasLtMatrixLayoutCreate") - MockDriver.Count("cublasLtMatrixLayoutDestroy");
        void Multiply(int rows, int offset, int? bias)
        {
            using var product = new Operands(backend, rows, 12, 7, 7, offset, bias);
            for (int i = 0; i < 2; i++) Assert.Equal(product.Expected, product.Multiply());
        }
        foreach (var (offset, bias) in new (int, int?)[] { (0, 0), (1, 0), (0, 4), (0, null) }) Multiply(3, offset, bias);
        Assert.Equal(4, Chosen());
        Multiply(3, 0, 0);
        Assert.Equal(4, Chosen());
        for (int rows = 10; rows < 110; rows++) Multiply(rows, 0, null);
        int kept = Kept();
        Assert.InRange(kept, 3, 3 * 100);
        for (int rows = 110; rows < 130; rows++) Multiply(rows, 0, null);
        Assert.Equal(kept, Kept());
        Assert.Equal(124, Chosen());
        Multiply(3, 0, 0);  // long since given up for others
        Assert.Equal(125, Chosen());
    }

    [Fact]
    public void Nobody_gets_it_who_does_not_name_it_and_nobody_who_keeps_what_he_computes()
    {
        using (var backend = CudaBackend.Open())
        {
            var variant = backend.Variants(OpKind.MatMul).Single(variant => variant.Name == Variant);
            Assert.Equal(new KernelVariant(Variant, Supported: true, Selected: false, Proven: false, BatchInvariant: false), variant);
            using var product = new Operands(backend);
            product.Multiply();
            Assert.Equal(0, product.Calls);
        }
        var choice = new Dictionary<OpKind, string> { [OpKind.MatMul] = Variant };
        Assert.Equal(
            "cuda:0: matmul=cublaslt is for comparison only (sparserm kernels bench): a row's bits may depend on its batch",
            Assert.Throws<BackendException>(() => BackendCatalog.Open("cuda:0", 1, choice)).Message);
    }

    [Fact]
    public void The_bench_of_kernels_times_it_beside_the_others()
    {
        MockDriver.Set("capability", 80);  // where there is no wgmma_tma
        int before = MockDriver.Count("cublasLtMatmul");
        var result = OpBenchmark.Run(new OpBenchOptions
        {
            Backend = "cuda:0", Shapes = [new MatMulShape("small", 5, 16, 8)], Types = [DType.BF16], Seconds = 0,
        });
        Assert.Equal(["tiled", "mma_sync", "skinny", Variant], result.Timings.Select(row => row.Variant));
        // Once to be compared, once to be warm, three times on the clock, and once to be compared again after it.
        Assert.Equal(before + 6, MockDriver.Count("cublasLtMatmul"));
    }

    private static CudaBackend Open()
    {
        var backend = CudaBackend.Open("cuda:0");
        try
        {
            backend.Select(OpKind.MatMul, Variant);
            return backend;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }
}
