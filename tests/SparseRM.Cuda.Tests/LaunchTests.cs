using SparseRM.Backends;
using SparseRM.Conformance;
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
        "gated_matmul_tiled_f32", "attention_query_per_warp_f32", "load_weights_row_per_block_f32_to_f32",
        "sae_encode_tiled_gate", "sae_encode_tiled_starts", "rope_attention_rope_pack_bf16", "count_active_row_per_block_lists", "count_active_row_per_block_parts",
        "score_row_per_block"];

    [Theory, MemberData(nameof(Kernels))]
    public void A_changed_argument_is_seen_in_the_results_or_by_the_driver(string kernel)
    {
        Scenario.RequireKernels();
        var changes = new Changes(kernel, () => Scenario.Run());
        for (int i = 0; i < MockDriver.Parameters(kernel); i++)
            if (!LeadsAnywhere(kernel, i)) Assert.True(changes.IsSeen(i), $"{kernel}: parameter {i}");
    }

    /// <summary>Kernels in 16 bits, with the part of the scenario in which to look.</summary>
    public static TheoryData<string, string> HotKernels => new()
    {
        { "matmul_mma_sync_bf16", "mma_sync" }, { "gated_matmul_mma_sync_bf16", "mma_sync" }, { "matmul_skinny_bf16", "skinny" },
        { "matmul_wgmma_tma_bf16", "wgmma_tma" }, { "gated_matmul_wgmma_tma_bf16", "wgmma_tma" }, { "attention_flash_64_bf16", "flash" },
        { "sae_encode_mma_sync_bf16", "jump_relu" }, { "sae_encode_mma_sync_bf16", "gated" }, { "sae_encode_mma_sync_bf16", "top_k" },
        { "sae_encode_mma_sync_count", "jump_relu" }, { "sae_encode_mma_sync_gather", "crowded" }, { "sae_encode_tiled_concatenate", "crowded_tiled" },
        { "sae_encode_mma_sync_topk", "top_k" },
        { "embed_row_per_block_bf16", "rows" }, { "embed_row_per_block_f16", "rows" }, { "pack_row_per_block_bf16", "rows" },
        { "add_rms_norm_row_per_warp_bf16", "rows" }, { "add_rms_norm_row_per_block_bf16", "rows" },
        { "gated_activation_row_per_block_bf16", "rows" }, { "load_weights_row_per_block_bf16_to_f32", "weights" },
        { "load_weights_row_per_block_f16_to_f32", "weights" }, { "load_weights_row_per_block_f32_to_bf16", "weights" },
        { "load_weights_row_per_block_bf16_to_bf16", "weights" }, { "load_weights_row_per_block_f16_to_bf16", "weights" },
        { "load_weights_transposed_tile_f32_to_f32", "weights" }, { "load_weights_transposed_tile_bf16_to_f32", "weights" },
        { "load_weights_transposed_tile_f16_to_f32", "weights" }, { "load_weights_transposed_tile_f32_to_bf16", "weights" },
        { "load_weights_transposed_tile_bf16_to_bf16", "weights" }, { "load_weights_transposed_tile_f16_to_bf16", "weights" },
    };

    [Theory, MemberData(nameof(HotKernels))]
    public void A_changed_argument_of_a_hot_kernel_is_seen_where_it_matters(string kernel, string part)
    {
        Scenario.RequireKernels();
        var changes = new Changes(kernel, () => HotScenario.Run(part));
        for (int i = 0; i < MockDriver.Parameters(kernel); i++)
        {
            if (LeadsAnywhere(kernel, i) || IsOfOtherGates(kernel, part, i)) continue;
            if (IsNeedless(kernel, i)) Assert.False(changes.IsSeenWhenGreater(i), $"{kernel}: parameter {i} matters");
            else Assert.True(changes.IsSeen(i), $"{kernel}: parameter {i}");
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

    /// <summary>Whether it says where indices or lengths lie: others would lead anywhere, which would end this process.</summary>
    private static bool LeadsAnywhere(string kernel, int parameter) =>
        (kernel.StartsWith("attention") && parameter is >= 6 and <= 8) || (kernel.EndsWith("_parts") && parameter is 0 or 1) ||
        (kernel.EndsWith("_topk") && parameter == 4);

    /// <summary>
    /// Whether this part's gate does without it: null, which changed points nowhere whatever the kernel does with it; or the kind of
    /// TopK, which the product's gate takes as that of GroupMax, and one less as JumpReLU, whose vector is null.
    /// </summary>
    private static bool IsOfOtherGates(string kernel, string part, int parameter) => kernel == "sae_encode_mma_sync_bf16" &&
        parameter switch
        {
            4 => part == "top_k",
            7 => part != "jump_relu",
            8 or 9 or 10 => part != "gated",
            11 => part != "top_k",
            _ => false,
        };

    /// <summary>
    /// Whether only other variants of the op need it: products of warpgroups take operands by map, flash has an entry for each
    /// width, and what is bf16 in the file and f32 here is a vector, one row without a next.
    /// </summary>
    private static bool IsNeedless(string kernel, int parameter) => kernel switch
    {
        "matmul_wgmma_tma_bf16" => parameter < 4,
        "gated_matmul_wgmma_tma_bf16" => parameter < 5,
        "attention_flash_64_bf16" => parameter == 11,
        "load_weights_row_per_block_bf16_to_f32" => parameter == 4,
        _ => false,
    };
}
