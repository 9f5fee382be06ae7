using System.Text.RegularExpressions;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>Gemma Scope 1 (<c>params.npz</c>) and 2 (<c>params.safetensors</c>): <c>a = relu(p) * (p &gt; threshold), p = x @ W_enc + b_enc</c>; b_dec is not subtracted.</summary>
/// <remarks>Source: SAELens <c>gemma_2_sae_huggingface_loader</c> and <c>gemma_3_sae_huggingface_loader</c>.</remarks>
internal static partial class GemmaScope
{
    public const string Name = "gemma-scope", ArraysFile = "params.npz", WeightsFile = "params.safetensors", ConfigFile = "config.json";

    public static SparseAutoencoder Open(string file)
    {
        RefuseOtherPlaces(file);
        var tensors = new SaeTensors(file.EndsWith(".npz", StringComparison.Ordinal) ? NpzFile.Open(file) : SafetensorsFile.Open(file));
        if (tensors.Source.Contains("affine_skip_connection"))
            throw new ModelFormatException(file, "has \"affine_skip_connection\": a transcoder, which does not reconstruct its own input, is not supported");
        string prefix = tensors.Source.Contains("w_enc") ? "w" : "W";
        var (dIn, dSae) = tensors.SizeOf($"{prefix}_enc");
        tensors.DropOnes("scaling_factor");
        var (hook, layer, model, ignored) = ReadConfig(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, ConfigFile), dSae);
        return new SaeParts
        {
            Encoder = tensors.Matrix($"{prefix}_enc", dIn, dSae),
            Decoder = tensors.Matrix($"{prefix}_dec", dSae, dIn),
            DIn = dIn,
            DSae = dSae,
            BEnc = SaeParts.Doubles(tensors.Vector("b_enc", dSae)),
            BDec = tensors.Vector("b_dec", dIn),
            Activation = new SaeActivation.JumpRelu(tensors.Vector("threshold", dSae)),
            Format = Name,
            Layer = layer ?? SaeLayer.OfPath(file),
            HookName = hook,
            Notes = ["Gemma Scope SAEs were not trained on the BOS position.", .. model is null ? Array.Empty<string>() : [$"Trained on \"{model}\"."]],
            ModelName = model,
            IgnoredFields = ignored,
        }.Build(tensors);
    }

    /// <summary>Gemma Scope 2 has a config beside the weights that says where the SAE sits.</summary>
    private static (string? Hook, int? Layer, string? Model, IReadOnlyList<string> Ignored) ReadConfig(string path, int dSae)
    {
        if (!File.Exists(path)) return (null, null, null, []);
        var config = SaeConfig.Open(path);
        string? hook = config.Text("hf_hook_point_in"), hookOut = config.Text("hf_hook_point_out");
        if (config.Text("type") is { } type && type != "sae") throw config.Bad("type", $"is \"{type}\"; only \"sae\" is supported");
        if (hookOut is not null && hookOut != hook) throw config.Bad("hf_hook_point_out", $"is \"{hookOut}\", the input is \"{hook}\": a transcoder is not supported");
        if (config.Text("architecture") is { } architecture && architecture is not ("jump_relu" or "jumprelu"))
            throw config.Bad("architecture", $"is \"{architecture}\", expected \"jump_relu\"");
        config.Require("affine_connection", false, "a transcoder is not supported");
        config.Require("apply_b_dec_to_input", false, "Gemma Scope SAEs do not subtract b_dec");
        config.RequireWidth("width", dSae);
        string? model = config.Text("model_name");
        config.Ignore("l0");
        if (hook is null) return (null, null, model, config.Ignored);
        int layer = SaeLayer.OfHook(hook) ?? throw config.Bad("hf_hook_point_in", $"is \"{hook}\"; only residual streams after a block (model.layers.N.output) are supported");
        return (hook, layer, model, config.Ignored);
    }

    private static void RefuseOtherPlaces(string file)
    {
        foreach (string part in SaeLayer.Parts(file).Skip(1))
        {
            if (OtherPlace().IsMatch(part))
                throw new ModelFormatException(file, $"lies under \"{part}\", so it is not an SAE of the residual stream after a block; take one of a -res repository or a resid_post folder");
        }
    }

    [GeneratedRegex(@"^(embedding|(mlp_out|attn_out|transcoder|crosscoder)(_all)?|.*gemma-scope-.*-(att|mlp|transcoders))$", RegexOptions.CultureInvariant)]
    private static partial Regex OtherPlace();
}
