using SparseRM.Backends;

namespace SparseRM.Benchmarking.Ops;

/// <summary>The one table of named shapes: what <c>sparserm bench ops</c> and the BenchmarkDotNet project walk.</summary>
public static class OpShapes
{
    private static readonly AttentionOptions s_gemma = new(8, 4, 256, 1 / 16f, 50, 4096), s_llama = new(32, 8, 64, 1 / 8f, 0, 0);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<OpShape> All { get; } =
    [
        new MatMulShape("gemma2_2b_mlp_up_512tok", 512, 2304, 9216),
        new MatMulShape("gemma2_2b_mlp_down_512tok", 512, 9216, 2304),
        new MatMulShape("gemma2_2b_mlp_up_16tok", 16, 2304, 9216),
        new MatMulShape("llama32_1b_mlp_up_128tok", 128, 2048, 8192),
        new GatedMatMulShape("gemma2_2b_gate_up_512tok", 512, 2304, 9216, GatedActivationKind.GeluTanh),
        new GatedMatMulShape("llama32_1b_gate_up_128tok", 128, 2048, 8192, GatedActivationKind.Silu),
        new AttentionShape("gemma2_2b_attention_512tok", 1, 512, s_gemma),
        new AttentionShape("gemma2_2b_attention_8x128tok", 8, 128, s_gemma),
        new AttentionShape("llama32_1b_attention_512tok", 1, 512, s_llama),
        new AddRmsNormShape("gemma2_2b_add_norm_512tok", 512, 2304),
        new SaeEncodeShape("gemma2_2b_sae_16k_jumprelu_256tok", 256, 2304, 16_384, null),
        new SaeEncodeShape("gemma2_2b_sae_16k_topk64_256tok", 256, 2304, 16_384, 64),
        new SaeEncodeShape("gemma2_2b_sae_131k_jumprelu_256tok", 256, 2304, 131_072, null),
        new SaeEncodeShape("gemma2_2b_sae_131k_topk64_256tok", 256, 2304, 131_072, 64),
        // Small enough for the slowest kernels and for a look at what a call costs.
        new MatMulShape("miniworld_mlp_up_25tok", 25, 192, 512),
        new GatedMatMulShape("miniworld_gate_up_25tok", 25, 192, 512, GatedActivationKind.GeluTanh),
        new AttentionShape("miniworld_attention_25tok", 1, 25, new AttentionOptions(4, 2, 48, 1 / MathF.Sqrt(48), 50, 64)),
        new AddRmsNormShape("miniworld_add_norm_25tok", 25, 192),
        new SaeEncodeShape("miniworld_sae_2k_topk32_25tok", 25, 192, 2048, 32),
    ];

    /// <summary>Ops that have shapes.</summary>
    public static IReadOnlyList<OpKind> Ops => [.. All.Select(shape => shape.Op).Distinct()];

    /// <summary>Shapes of one op.</summary>
    public static IEnumerable<OpShape> Of(OpKind op) => All.Where(shape => shape.Op == op);
}
