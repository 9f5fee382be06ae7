using SparseRM.Backends;

namespace SparseRM.Models.Architectures;

/// <summary>A model family as data: how its config.json is read. Forward code there is none.</summary>
/// <param name="ModelType">HF <c>model_type</c>.</param>
/// <param name="Read">Reads every field that matters and names those that do not.</param>
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
    /// <summary>Sizes, epsilon, rope and the plain defaults; families change what differs.</summary>
    public static ModelConfig Common(HfConfig hf, string family, HfDefaults defaults)
    {
        int dModel = hf.Int("hidden_size"), nHeads = hf.Int("num_attention_heads", defaults.NHeads), nLayers = hf.Int("num_hidden_layers");
        int? dHeadDefault = hf.IsNull("head_dim") ? null : defaults.DHead;
        if (!hf.Has("head_dim") && dHeadDefault is null && dModel % nHeads != 0)
            hf.Refuse($"hidden_size {dModel} is not a multiple of num_attention_heads {nHeads}, and head_dim is missing");
        int dHead = hf.Int("head_dim", dHeadDefault ?? dModel / nHeads);
        int nKvHeads = hf.Int("num_key_value_heads", hf.IsNull("num_key_value_heads") ? nHeads : defaults.NKvHeads ?? nHeads);
        if (nHeads % nKvHeads != 0) hf.Refuse($"num_attention_heads {nHeads} is not a multiple of num_key_value_heads {nKvHeads}");
        if (dHead % 2 != 0) hf.Refuse($"head_dim {dHead} is odd, which rotary positions do not allow");
        return new ModelConfig
        {
            Family = family, NLayers = nLayers, DModel = dModel, NHeads = nHeads, NKvHeads = nKvHeads, DHead = dHead,
            DMlp = hf.Int("intermediate_size"), DVocab = hf.Int("vocab_size", defaults.DVocab), NCtx = hf.Int("max_position_embeddings", defaults.NCtx),
            RmsNormEps = (float)hf.Number("rms_norm_eps", 1e-6), QueryScale = 1 / MathF.Sqrt(dHead),
            LayerWindows = new int[nLayers], Ropes = [], LayerRopes = new int[nLayers], Activation = GatedActivationKind.Silu,
        };
    }

    /// <summary>Both dialects of one rotary table: <c>rope_parameters</c>, or <c>rope_theta</c> with <c>rope_scaling</c>.</summary>
    public static RopeConfig Rope(HfConfig hf)
    {
        if (hf.Section("rope_parameters") is { } parameters)
        {
            hf.Ignore("rope_theta"); // transformers 5 leaves a copy beside rope_parameters in some files
            return new RopeConfig(parameters.Number("rope_theta"), Scaling(parameters));
        }
        return new RopeConfig(hf.Number("rope_theta", 10000), hf.Section("rope_scaling") is { } scaling ? Scaling(scaling) : new("default"));
    }

    /// <summary>Reads <c>rope_type</c> (older: <c>type</c>) and the fields of the kinds that are known.</summary>
    public static RopeScaling Scaling(HfConfig hf)
    {
        string kind = hf.Has("rope_type") ? hf.Text("rope_type") : hf.Text("type", "default");
        hf.Ignore("type");
        switch (kind)
        {
            case "default":
                return new(kind);
            case "linear":
                return new(kind, hf.Number("factor"));
            case "llama3":
                return new(kind, hf.Number("factor"), hf.Number("low_freq_factor"), hf.Number("high_freq_factor"), hf.Int("original_max_position_embeddings"));
            default:
                hf.Refuse($"rope_type \"{kind}\" is not supported (default, linear and llama3 are)");
                return new("default");
        }
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
                hf.Refuse($"{field} \"{name}\" is not supported (silu, gelu and gelu_pytorch_tanh are)");
                return GatedActivationKind.Silu;
        }
    }

    /// <summary>Windows by <c>layer_types</c> where the file lists them, else by the family's own rule.</summary>
    public static int[] Windows(HfConfig hf, int nLayers, int window, Func<int, bool> slides)
    {
        var types = hf.Texts("layer_types");
        if (types is not null && types.Count != nLayers) hf.Refuse($"layer_types lists {types.Count} layers, num_hidden_layers is {nLayers}");
        var unknown = types?.FirstOrDefault(type => type is not ("sliding_attention" or "full_attention"));
        if (unknown is not null) hf.Refuse($"layer_types has \"{unknown}\" (sliding_attention and full_attention are supported)");
        return [.. Enumerable.Range(0, nLayers).Select(layer =>
            (types is not null && layer < types.Count ? types[layer] == "sliding_attention" : slides(layer)) ? window : 0)];
    }
}
