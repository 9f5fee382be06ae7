namespace SparseRM.Models.Architectures;

/// <summary>Llama 2, 3 and 3.1 (transformers LlamaForCausalLM).</summary>
internal static class Llama
{
    public static readonly Architecture Architecture = new("llama", Read);

    private static ModelConfig Read(HfConfig hf)
    {
        hf.Expect("mlp_bias", false);
        bool bias = hf.Flag("attention_bias");
        return HfFields.Common(hf, "llama", new(NCtx: 2048)).WithRope(hf) with
        {
            Activation = HfFields.Activation(hf, "hidden_act", "silu"),
            QkvBias = bias,
            OutputBias = bias,
        };
    }
}
