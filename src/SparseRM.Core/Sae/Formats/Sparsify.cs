using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>EleutherAI sparsify (<c>cfg.json</c>, <c>sae.safetensors</c>): <c>p = (x - b_dec) @ W' + b</c>, then the k greatest, or the greatest of each of k groups.</summary>
/// <remarks>Source: <c>sparsify/{config,sparse_coder,fused_encoder}.py</c>. SAELens's loader of this format transposes the decoder wrongly and is not imitated.</remarks>
internal static class Sparsify
{
    public const string Name = "sparsify", WeightsFile = "sae.safetensors", ConfigFile = "cfg.json";

    public static SparseAutoencoder Open(string folder)
    {
        var config = SaeConfig.Open(Path.Combine(folder, ConfigFile));
        config.Require("transcode", false, "a transcoder does not reconstruct its own input and is not supported");
        config.Require("skip_connection", false, "a skip connection is not supported");
        config.Require("signed", false, "signed latents are not supported");
        var tensors = new SaeTensors(SafetensorsFile.Open(Path.Combine(folder, WeightsFile)));
        var (dSae, dIn) = tensors.SizeOf("encoder.weight");
        config.RequireWidth("d_in", dIn);
        if (config.Integer("num_latents") is > 0) config.RequireWidth("num_latents", dSae);
        var (activation, k) = ReadActivation(config, dSae);
        config.Ignore("expansion_factor", "normalize_decoder", "multi_topk", "dtype", "device");
        return new SaeParts
        {
            Encoder = SaeParts.Transpose(tensors.Matrix("encoder.weight", dSae, dIn)),
            Decoder = tensors.Matrix("W_dec", dSae, dIn),
            DIn = dIn,
            DSae = dSae,
            BEnc = SaeParts.Doubles(tensors.Vector("encoder.bias", dSae)),
            BDec = tensors.Vector("b_dec", dIn),
            SubtractBDec = true,
            Activation = activation,
            Format = Name,
            Layer = ReadLayer(folder),
            HookName = SaeLayer.Parts(folder).First(),
            Variant = $"{k}",
            IgnoredFields = config.Ignored,
        }.Build(tensors);
    }

    private static (SaeActivation, int) ReadActivation(SaeConfig config, int dSae)
    {
        string name = config.Text("activation") ?? "topk";
        int k = config.Integer("k") ?? throw config.Bad("k", "is missing");
        if (k < 1 || k > dSae) throw config.Bad("k", $"is {k}, expected 1 to {dSae}");
        if (name == "topk") return (new SaeActivation.TopK(k), k);
        if (name != "groupmax") throw config.Bad("activation", $"is \"{name}\"; topk and groupmax are supported");
        if (dSae % k != 0) throw config.Bad("k", $"is {k}, which does not divide the {dSae} latents into equal groups");
        return (new SaeActivation.GroupMax(k), k);
    }

    /// <summary>The folder is named by the hook point; one inside a block (<c>layers.2.mlp</c>) is no residual stream.</summary>
    private static int? ReadLayer(string folder)
    {
        string name = SaeLayer.Parts(folder).First();
        if (name.StartsWith("layers.", StringComparison.Ordinal) && SaeLayer.OfHook(name) is null || name.StartsWith("h.", StringComparison.Ordinal) && name.Count(c => c == '.') > 1)
            throw new ModelFormatException(folder, $"hook point \"{name}\" is not the output of a block; only layers.N is supported");
        return SaeLayer.OfPath(folder);
    }
}
