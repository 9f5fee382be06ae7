namespace SparseRM.Models.Architectures;

/// <summary>The text model of Gemma-3 (transformers Gemma3ForCausalLM), alone or inside a multimodal folder.</summary>
internal static class Gemma3
{
    // The multimodal folders of the hub leave out of text_config what equals these.
    private static readonly HfDefaults s_defaults = new(NCtx: 131072, NKvHeads: 4, DHead: 256, NHeads: 8, DVocab: 262208);

    public static readonly Architecture TextModel = new("gemma3_text", Read);

    public static readonly Architecture Multimodal = new("gemma3", hf =>
    {
        // Images never reach the text blocks here.
        hf.Ignore(["vision_config", "mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index", "image_token_id", "boi_token_id", "eoi_token_id"]);
        if (hf.Section("text_config") is not { } text)
        {
            hf.Refuse("text_config", "is missing");
            return HfFields.Common(hf, "gemma3_text", s_defaults);
        }
        text.Ignore(["model_type"]);
        return Read(text);
    });

    private static ModelConfig Read(HfConfig hf)
    {
        var config = Gemma.ReadWithoutRope(hf, "gemma3_text", s_defaults);
        int window = hf.Int("sliding_window", 4096), pattern = hf.Int("sliding_window_pattern", hf.Int("_sliding_window_pattern", 6));
        var windows = HfFields.Windows(hf, config.NLayers, window, layer => (layer + 1) % pattern != 0);
        var ropes = Ropes(hf, config.NCtx);
        return config with
        {
            PostNorms = true,
            QkNorm = true,
            QueryScale = 1 / MathF.Sqrt((float)hf.Number("query_pre_attn_scalar", 256)),
            AttnLogitSoftcap = (float)hf.Number("attn_logit_softcapping", 0),
            FinalLogitSoftcap = hf.Has("final_logit_softcapping") ? (float)hf.Positive("final_logit_softcapping") : 0,
            LayerWindows = windows,
            Ropes = ropes,
            NCtx = RopeFields.Context(ropes[0].Scaling, config.NCtx),
            LayerRopes = [.. windows.Select(w => w > 0 ? 1 : 0)],
        };
    }

    /// <summary>[global, local]: keyed by layer type in transformers 5; a theta, a scaling and a local theta before.</summary>
    private static RopeConfig[] Ropes(HfConfig hf, int trained)
    {
        if (hf.Section("rope_parameters") is not { } parameters)
        {
            var scaling = hf.Section("rope_scaling") is { } section ? RopeFields.Scaling(section, trained) : new("default");
            return [new(hf.Positive("rope_theta", 1e6), scaling), new(hf.Positive("rope_local_base_freq", 1e4), new("default"))];
        }
        hf.Ignore(["rope_theta", "rope_local_base_freq"]);
        RopeConfig[] ropes = [.. new[] { "full_attention", "sliding_attention" }.Select(type =>
        {
            if (parameters.Section(type) is { } section) return new RopeConfig(section.Positive("rope_theta"), RopeFields.Scaling(section, trained));
            hf.Refuse($"rope_parameters.{type}", "is missing");
            return new RopeConfig(1e4, new("default"));
        })];
        RopeFields.RefuseOther(hf, ropes[0].Scaling, trained);
        return ropes;
    }
}
