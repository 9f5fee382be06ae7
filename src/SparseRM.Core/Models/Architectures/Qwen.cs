namespace SparseRM.Models.Architectures;

/// <summary>Qwen2, Qwen2.5 and Qwen3 (transformers Qwen2ForCausalLM, Qwen3ForCausalLM).</summary>
internal static class Qwen
{
    public static readonly Architecture Qwen2 = new("qwen2", hf => Read(hf, "qwen2", new(NCtx: 32768, NKvHeads: 32)) with { QkvBias = true });

    public static readonly Architecture Qwen3 = new("qwen3", hf =>
    {
        bool bias = hf.Flag("attention_bias");
        return Read(hf, "qwen3", new(NCtx: 32768, NKvHeads: 32, DHead: 128)) with { QkNorm = true, QkvBias = bias, OutputBias = bias };
    });

    private static ModelConfig Read(HfConfig hf, string family, HfDefaults defaults)
    {
        var config = HfFields.Common(hf, family, defaults).WithRope(hf);
        // The window counts only with the flag, and only from max_window_layers on.
        int window = hf.Flag("use_sliding_window") ? hf.Int("sliding_window", 4096) : 0;
        hf.Ignore(["sliding_window"]);
        int firstSliding = hf.Int("max_window_layers", 28);
        return config with
        {
            Activation = HfFields.Activation(hf, "hidden_act", "silu"),
            LayerWindows = HfFields.Windows(hf, config.NLayers, window, layer => window > 0 && layer >= firstSliding),
        };
    }
}
