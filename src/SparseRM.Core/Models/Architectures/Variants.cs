namespace SparseRM.Models.Architectures;

/// <summary>Switches by which published code turns a family into another model. Off they are ignored, on they are refused, whatever the family.</summary>
internal static class Variants
{
    private const string Experts = "a mixture of experts is not supported", Rotation = "this form of rotary positions is not supported";

    /// <summary>Fields of config.json.</summary>
    public static readonly ConfigSwitch[] Switches =
    [
        new("partial_rotary_factor", "rotating a part of each head is not supported", Off: 1), new("use_mrope", Rotation), new("mrope_section", Rotation), new("mrope_interleaved", Rotation), new("rope_interleaved", Rotation), new("rope_interleave", Rotation),
        new("no_rope_layers", Rotation), new("no_rope_layer_interval", Rotation), new("alibi", Rotation), new("use_alibi", Rotation),
        new("num_experts", Experts), new("num_local_experts", Experts), new("n_routed_experts", Experts), new("moe_intermediate_size", Experts), new("enable_moe_block", Experts),
        new("full_attention_interval", "a hybrid of attention and linear attention is not supported"),
        new("linear_num_value_heads", "a hybrid of attention and linear attention is not supported"),
        new("qk_layernorm", "this form of attention is not supported"), new("clip_qkv", "this form of attention is not supported"),
        new("attention_chunk_size", "attention in chunks is not supported"), new("attn_temperature_tuning", "this form of attention is not supported"),
        new("use_parallel_residual", "parallel branches are not supported"), new("parallel_attn", "parallel branches are not supported"),
        new("embedding_multiplier", "scaled branches are not supported", Off: 1), new("residual_multiplier", "scaled branches are not supported", Off: 1),
        new("attention_multiplier", "scaled branches are not supported", Off: 1), new("scale_emb", "scaled branches are not supported", Off: 1), new("scale_depth", "scaled branches are not supported", Off: 1),
        new("add_cross_attention", "cross attention is not supported"), new("num_kv_shared_layers", "layers that share keys and values are not supported"),
        new("hidden_size_per_layer_input", "embeddings of each layer are not supported"), new("use_bidirectional_attention", "attention to later tokens is not supported"),
    ];

    /// <summary>Why a <c>model_type</c> that people bring is not supported, in words that say what it is; null for one that is merely unknown.</summary>
    public static string? OtherFamily(string modelType) => modelType switch
    {
        "qwen3_5" or "qwen3_5_text" or "qwen3_next" or "qwen3_5_moe" or "qwen3_5_moe_text" or "jamba" or "granitemoehybrid" or "falcon_h1" or "nemotron_h" or "lfm2" or "bamba"
            => "a hybrid of attention and linear attention or state-space layers, which is not supported",
        "mixtral" or "gpt_oss" or "dbrx" or "llama4" or "llama4_text" or "olmoe" or "phimoe" or "deepseek_v2" or "deepseek_v3" => "a mixture of experts, which is not supported",
        _ when modelType.Contains("moe", StringComparison.OrdinalIgnoreCase) => "a mixture of experts, which is not supported",
        "gemma3n" or "gemma3n_text" => "Gemma-3n, whose layers have embeddings of their own, which is not supported",
        "qwen2_vl" or "qwen2_5_vl" or "qwen3_vl" or "mllama" or "llava" => "a model of images and text, which is not supported",
        _ => null,
    };
}
