using SparseRM.Backends;
using SparseRM.Conformance;
using SparseRM.Errors;
using SparseRM.Interop.Cuda;
using SparseRM.Tensors;

namespace SparseRM.Cuda;

/// <summary>Each launch argument matters: one that is changed on its way to the kernel does not go unnoticed.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class LaunchTests
{
    public static TheoryData<string> Kernels => [
        "add_row_per_block", "gather_rows_row_per_block", "mean_rows_row_per_block", "rms_norm_row_per_warp", "add_rms_norm_row_per_block_f32",
        "rope_row_per_block", "gated_activation_row_per_block_f32", "embed_row_per_block_f32", "pack_row_per_block_f32", "matmul_tiled_f32",
        "gated_matmul_tiled_f32", "attention_query_per_warp_f32", "load_weights_row_per_block_f32_to_f32", "sae_encode_tiled_gate",
        "sae_encode_tiled_concatenate", "rope_attention_rope_pack_bf16", "count_active_row_per_block_lists", "count_active_row_per_block_parts",
        "score_row_per_block"];

    [Theory, MemberData(nameof(Kernels))]
    public void A_changed_argument_is_seen_in_the_results_or_by_the_driver(string kernel)
    {
        Scenario.RequireKernels();
        MockDriver.Violations();
        var expected = Scenario.Run();
        Assert.Equal("", MockDriver.Violations());
        Assert.True(MockDriver.Count(kernel) > 0, $"{kernel} was not launched");
        Assert.Equal(expected, Scenario.Run());
        for (int i = 0; i < MockDriver.Parameters(kernel); i++)
        {
            if (LeadsAnywhere(kernel, i)) continue;
            Assert.True(IsSeen(kernel, i, MockDriver.IsPointer(kernel, i) ? 4 : 1, expected) || IsSeen(kernel, i, -1, expected), $"{kernel}: parameter {i}");
        }
    }

    [Fact]
    public void Rows_too_narrow_for_pairs_of_outputs_do_not_reach_the_gated_tensor_core_kernel()
    {
        Scenario.RequireKernels();
        using var files = new WeightFiles();
        using var backend = CudaBackend.Open();
        using var x = backend.Allocate(Operand.Length(17, 8));
        int before = MockDriver.Count("gated_matmul_mma_sync_bf16");
        foreach (int outputs in new[] { 1, 2, 3 })
        {
            using var w = backend.LoadMatrix([new(files.Write(new float[8 * outputs], DType.BF16, outputs, 8))], DType.BF16);
            using var y = backend.Allocate(Operand.Length(17, outputs));
            backend.GatedMatMul(new(x, 17, 8, DType.BF16), w, w, GatedActivationKind.Silu, new(y, 17, outputs, DType.BF16));
        }
        Assert.Equal(before + 1, MockDriver.Count("gated_matmul_mma_sync_bf16"));
    }

    /// <summary>Whether it says where indices lie: others would lead anywhere, which would end this process.</summary>
    private static bool LeadsAnywhere(string kernel, int parameter) =>
        (kernel.StartsWith("attention") && parameter is >= 6 and <= 8) || (kernel.EndsWith("_parts") && parameter is 0 or 1);

    private static bool IsSeen(string kernel, int parameter, long add, float[] expected)
    {
        MockDriver.Tamper(kernel, parameter, add);
        try
        {
            return !Scenario.Run().AsSpan().SequenceEqual(expected) || MockDriver.Violations() != "";
        }
        catch (Exception error) when (error is SparseRMException or ArgumentException)
        {
            return true;
        }
        finally
        {
            MockDriver.Tamper(kernel, -1, 0);
            MockDriver.Violations();
        }
    }
}
