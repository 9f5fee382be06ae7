namespace SparseRM.Models.Architectures;

/// <summary>Gemma 1 and Gemma-2 (transformers GemmaForCausalLM, Gemma2ForCausalLM).</summary>
internal static class Gemma
{
    public static readonly Architecture Gemma1 = new("gemma", hf => Read(hf, "gemma", new(NCtx: 8192, NKvHeads: 16, DHead: 256)));

    public static readonly Architecture Gemma2 = new("gemma2", hf =>
    {
        var config = Read(hf, "gemma2", new(NCtx: 8192, NKvHeads: 4, DHead: 256));
        int window = hf.Int("sliding_window", 4096);
        return config with
        {
            PostNorms = true,
            QueryScale = 1 / MathF.Sqrt((float)hf.Number("query_pre_attn_scalar", 256)),
            AttnLogitSoftcap = hf.IsNull("attn_logit_softcapping") ? 0 : (float)hf.Number("attn_logit_softcapping", 50),
            FinalLogitSoftcap = hf.IsNull("final_logit_softcapping") ? 0 : (float)hf.Positive("final_logit_softcapping", 30),
            LayerWindows = HfFields.Windows(hf, config.NLayers, window, layer => layer % 2 == 0),
        };
    });

    /// <summary>What the two share, and Gemma-3 but for its two rotary tables.</summary>
    public static ModelConfig ReadWithoutRope(HfConfig hf, string family, HfDefaults defaults)
    {
        hf.Expect("attention_bias", false);
        hf.Expect("use_bidirectional_attention", false);
        // The first Gemma files say hidden_act "gelu" and mean the tanh form; transformers reads hidden_activation, with that default.
        hf.Ignore(["hidden_act"]);
        return HfFields.Common(hf, family, defaults) with
        {
            RmsNormUnitOffset = true,
            ScaleEmbedding = true,
            Activation = HfFields.Activation(hf, "hidden_activation", "gelu_pytorch_tanh"),
        };
    }

    private static ModelConfig Read(HfConfig hf, string family, HfDefaults defaults) => ReadWithoutRope(hf, family, defaults).WithRope(hf);
}
