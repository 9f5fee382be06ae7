using SparseRM.Errors;

namespace SparseRM.Cuda;

/// <summary>Each launch argument matters: one that is changed on its way to the kernel does not go unnoticed.</summary>
[Collection("mock driver")]  // one for the process, so one test at a time
public sealed class LaunchTests
{
    public static TheoryData<string> Kernels => [
        "add_row_per_block", "gather_rows_row_per_block", "mean_rows_row_per_block", "rms_norm_row_per_warp", "add_rms_norm_row_per_block_f32",
        "rope_row_per_block", "gated_activation_row_per_block_f32", "embed_row_per_block_f32", "pack_row_per_block_f32", "matmul_tiled_f32",
        "gated_matmul_tiled_f32", "attention_query_per_warp_f32", "load_weights_row_per_block_f32_to_f32", "sae_encode_tiled_gate",
        "sae_encode_tiled_concatenate"];

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
            if (kernel.StartsWith("attention") && i is >= 6 and <= 8) continue;  // indices gone wrong lead anywhere: that would end this process
            Assert.True(IsSeen(kernel, i, MockDriver.IsPointer(kernel, i) ? 4 : 1, expected) || IsSeen(kernel, i, -1, expected), $"{kernel}: parameter {i}");
        }
    }

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
