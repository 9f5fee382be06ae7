using SparseRM.Backends;

namespace SparseRM.Models.Architectures;

/// <summary>A model family as data: how its config.json is read. Forward code there is none.</summary>
/// <param name="ModelType">HF <c>model_type</c>.</param>
/// <param name="Read">Reads every field that the family's code reads; the others are listed by <see cref="HfConfig.Ignored"/>.</param>
internal sealed record Architecture(string ModelType, Func<HfConfig, ModelConfig> Read);

/// <summary>What a family's class in transformers takes for fields that a file leaves out; null where it has no fixed value.</summary>
/// <param name="NCtx"><c>max_position_embeddings</c>.</param>
/// <param name="NKvHeads"><c>num_key_value_heads</c>; null: as many as query heads. An explicit null in the file means that in every family.</param>
/// <param name="DHead"><c>head_dim</c>; null: hidden_size / num_attention_heads.</param>
/// <param name="NHeads"><c>num_attention_heads</c>; null: the file must say it.</param>
/// <param name="DVocab"><c>vocab_size</c>; null: the file must say it.</param>
internal sealed record HfDefaults(int NCtx, int? NKvHeads = null, int? DHead = null, int? NHeads = null, int? DVocab = null);

/// <summary>What the families' config files share.</summary>
internal static class HfFields
{
    /// <summary>Beyond what any published model has, so that a wrong config is refused by its field and not by what runs out.</summary>
    private const int MaxLayers = 4096, MaxWidth = 1 << 20, MaxHead = 1 << 14, MaxVocabulary = 1 << 24;

    /// <summary>Sizes, epsilon, rope and the plain defaults; families change what differs.</summary>
    public static ModelConfig Common(HfConfig hf, string family, HfDefaults defaults)
    {
        hf.RefuseVariants(Variants.Switches);
        int dModel = hf.Int("hidden_size", max: MaxWidth), nHeads = hf.Int("num_attention_heads", defaults.NHeads, MaxWidth), nLayers = hf.Int("num_hidden_layers", max: MaxLayers);
        int? dHeadDefault = hf.IsNull("head_dim") ? null : defaults.DHead;
        if (!hf.Has("head_dim") && dHeadDefault is null && dModel % nHeads != 0)
            hf.Refuse("hidden_size", $"is {dModel}, not a multiple of num_attention_heads {nHeads}, and head_dim is missing");
        int dHead = hf.Int("head_dim", dHeadDefault ?? Math.Max(1, dModel / nHeads), MaxHead);
        int nKvHeads = hf.Int("num_key_value_heads", hf.IsNull("num_key_value_heads") ? nHeads : defaults.NKvHeads ?? nHeads, MaxWidth);
        if (nHeads % nKvHeads != 0) hf.Refuse("num_attention_heads", $"is {nHeads}, not a multiple of num_key_value_heads {nKvHeads}");
        if ((long)nHeads * dHead > int.MaxValue / 2) hf.Refuse("head_dim", $"is {dHead}: {nHeads} heads of it are more than any model has");
        if (dHead % 2 != 0) hf.Refuse("head_dim", $"is {dHead}: odd, which rotary positions do not allow");
        return new ModelConfig
        {
            Family = family, NLayers = nLayers, DModel = dModel, NHeads = nHeads, NKvHeads = nKvHeads, DHead = dHead,
            DMlp = hf.Int("intermediate_size", max: MaxVocabulary), DVocab = hf.Int("vocab_size", defaults.DVocab, MaxVocabulary), NCtx = hf.Int("max_position_embeddings", defaults.NCtx),
            RmsNormEps = (float)hf.Positive("rms_norm_eps", 1e-6), QueryScale = 1 / MathF.Sqrt(dHead),
            LayerWindows = new int[nLayers], Ropes = [], LayerRopes = new int[nLayers], Activation = GatedActivationKind.Silu,
        };
    }

    /// <summary>HF's names of non-linearities.</summary>
    public static GatedActivationKind Activation(HfConfig hf, string field, string otherwise)
    {
        string name = hf.Text(field, otherwise);
        switch (name)
        {
            case "silu" or "swish": return GatedActivationKind.Silu;
            case "gelu_pytorch_tanh" or "gelu_new": return GatedActivationKind.GeluTanh;
            case "gelu": return GatedActivationKind.GeluErf;
            default:
                hf.Refuse(field, $"is \"{name}\", which is not supported (silu, gelu and gelu_pytorch_tanh are)");
                return GatedActivationKind.Silu;
        }
    }

    /// <summary>Windows by <c>layer_types</c> where the file lists them, else by the family's own rule.</summary>
    public static int[] Windows(HfConfig hf, int nLayers, int window, Func<int, bool> slides)
    {
        var types = hf.Texts("layer_types");
        if (types is not null && types.Count != nLayers) hf.Refuse("layer_types", $"lists {types.Count} layers, num_hidden_layers is {nLayers}");
        var unknown = types?.FirstOrDefault(type => type is not ("sliding_attention" or "full_attention"));
        if (unknown is not null) hf.Refuse("layer_types", $"has \"{unknown}\" (sliding_attention and full_attention are supported)");
        return [.. Enumerable.Range(0, nLayers).Select(layer =>
            (types is not null && layer < types.Count ? types[layer] == "sliding_attention" : slides(layer)) ? window : 0)];
    }
}
