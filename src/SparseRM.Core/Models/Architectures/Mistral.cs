namespace SparseRM.Models.Architectures;

/// <summary>Mistral: Llama's maths with one sliding window for all layers, or none (transformers MistralForCausalLM).</summary>
internal static class Mistral
{
    public static readonly Architecture Architecture = new("mistral", Read);

    private static ModelConfig Read(HfConfig hf)
    {
        var config = HfFields.Common(hf, "mistral", new(NCtx: 131072, NKvHeads: 8)).WithRope(hf);
        int window = hf.IsNull("sliding_window") ? 0 : hf.Int("sliding_window", 4096);
        return config with
        {
            Activation = HfFields.Activation(hf, "hidden_act", "silu"),
            LayerWindows = HfFields.Windows(hf, config.NLayers, window, _ => window > 0),
        };
    }
}
