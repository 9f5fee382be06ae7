using System.Text.RegularExpressions;
using SparseRM.Backends;

namespace SparseRM.Benchmarking.Ops;

/// <summary>The one table of named shapes: what <c>sparserm bench ops</c> and the BenchmarkDotNet project walk.</summary>
public static partial class OpShapes
{
    private static readonly AttentionOptions s_gemma = new(8, 4, 256, 1 / 16f, 50, 4096), s_llama = new(32, 8, 64, 1 / 8f, 0, 0);
    private static readonly AttentionOptions s_gemma9 = new(16, 8, 256, 1 / 16f, 50, 0), s_miniWorld = new(4, 2, 48, 1 / MathF.Sqrt(48), 50, 64);

    // A batch of 4096 tokens through a block of Gemma-2-9B, and encoders of Gemma Scope on as many.
    private static readonly OpShape[] s_forGpus =
    [
        new MatMulShape("gemma2_9b_q_4096tok", 4096, 3584, 4096),
        new MatMulShape("gemma2_9b_kv_4096tok", 4096, 3584, 2 * 2048),  // keys and values come of one product
        new MatMulShape("gemma2_9b_o_4096tok", 4096, 4096, 3584),
        new MatMulShape("gemma2_9b_mlp_up_4096tok", 4096, 3584, 14336),
        new MatMulShape("gemma2_9b_mlp_down_4096tok", 4096, 14336, 3584),
        new GatedMatMulShape("gemma2_9b_gate_up_4096tok", 4096, 3584, 14336, GatedActivationKind.GeluTanh),
        new AttentionShape("gemma2_9b_attention_8x512tok", 8, 512, s_gemma9),
        new AttentionShape("gemma2_9b_attention_4096tok", 1, 4096, s_gemma9 with { Window = 4096 }),
        new AttentionShape("gemma2_9b_attention_no_softcap_8x512tok", 8, 512, s_gemma9 with { Softcap = 0 }),
        new SaeEncodeShape("gemma2_2b_sae_16k_jumprelu_4096tok", 4096, 2304, 16_384, null),
        new SaeEncodeShape("gemma2_2b_sae_131k_topk64_4096tok", 4096, 2304, 131_072, 64),
    ];

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
        new RopeAttentionShape("gemma2_2b_rope_attention_512tok", new("", 1, 512, s_gemma)),
        new AddRmsNormShape("gemma2_2b_add_norm_512tok", 512, 2304),
        new ScoreShape("gemma2_2b_score_256tok", 256, 2304, 64, 512),
        new SaeEncodeShape("gemma2_2b_sae_16k_jumprelu_256tok", 256, 2304, 16_384, null),
        new SaeEncodeShape("gemma2_2b_sae_16k_topk64_256tok", 256, 2304, 16_384, 64),
        new SaeEncodeShape("gemma2_2b_sae_131k_jumprelu_256tok", 256, 2304, 131_072, null),
        new SaeEncodeShape("gemma2_2b_sae_131k_topk64_256tok", 256, 2304, 131_072, 64),
        .. s_forGpus.Select(shape => shape with { ForGpu = true }),
        // Small enough for the slowest kernels and for a look at what a call costs.
        new MatMulShape("miniworld_mlp_up_25tok", 25, 192, 512),
        new GatedMatMulShape("miniworld_gate_up_25tok", 25, 192, 512, GatedActivationKind.GeluTanh),
        new AttentionShape("miniworld_attention_25tok", 1, 25, s_miniWorld),
        new RopeAttentionShape("miniworld_rope_attention_25tok", new("", 1, 25, s_miniWorld)),
        new AddRmsNormShape("miniworld_add_norm_25tok", 25, 192),
        new ScoreShape("miniworld_score_25tok", 25, 192, 64, 512),
        new SaeEncodeShape("miniworld_sae_2k_topk32_25tok", 25, 192, 2048, 32),
    ];

    /// <summary>Ops that have shapes.</summary>
    public static IReadOnlyList<OpKind> Ops => [.. All.Select(shape => shape.Op).Distinct()];

    /// <summary>Shapes of one op.</summary>
    public static IEnumerable<OpShape> Of(OpKind op) => All.Where(shape => shape.Op == op);

    /// <summary>The shape of a name, or those with all of its parts: <c>gemma-2-2b-16k</c> is the SAEs of 16k for Gemma-2-2B.</summary>
    /// <remarks>Parts lie between '-' and '_'; letters and the number after them are two. Points and capitals say nothing.</remarks>
    public static IReadOnlyList<OpShape> Named(string name)
    {
        if (All.FirstOrDefault(shape => shape.Name == name) is { } one) return [one];
        var parts = Parts(name);
        return [.. All.Where(shape => parts.IsSubsetOf(Parts(shape.Name)))];
    }

    /// <summary>The one shape of a name, or of axes with one size each (see <see cref="OpAxes"/>).</summary>
    /// <exception cref="Errors.SparseRMException">There is none, or there are several.</exception>
    public static OpShape One(string name)
    {
        var found = OpAxes.Are(name) ? OpAxes.Parse(name) : Named(name);
        return found.Count == 1 ? found[0] : throw new Errors.SparseRMException(Errors.ErrorKind.Usage, found.Count == 0
            ? $"there is no shape {name}; `sparserm bench ops --list` lists them"
            : $"{name} stands for {found.Count} shapes, {found[0].Name} and others; name one");
    }

    /// <summary>What is run: of those asked for, the ones for GPUs only on a GPU, or where the name has no others.</summary>
    /// <param name="name">As <see cref="Named"/> takes it; null for all.</param>
    /// <param name="op">One op, or all.</param>
    /// <param name="backend">A name of <see cref="BackendCatalog.Names"/>.</param>
    public static IReadOnlyList<OpShape> Choose(string? name, OpKind? op, string backend)
    {
        OpShape[] asked = [.. (name is null ? All : Named(name)).Where(shape => op is null || shape.Op == op)];
        OpShape[] fit = [.. asked.Where(shape => !shape.ForGpu || BackendCatalog.IsGpu(backend))];
        return fit.Length > 0 || name is null ? fit : asked;
    }

    private static HashSet<string> Parts(string name) =>
        [.. Divider().Split(name.ToLowerInvariant().Replace(".", "", StringComparison.Ordinal))];

    [GeneratedRegex("[-_]|(?<=[a-z])(?=[0-9])")]
    private static partial Regex Divider();
}
