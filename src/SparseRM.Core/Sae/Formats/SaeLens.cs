using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>SAELens folders (<c>cfg.json</c>, <c>sae_weights.safetensors</c>): standard, jumprelu, gated and topk, of version 6 and before.</summary>
/// <remarks>
/// <c>z = norm(x) - b_dec</c> (the latter iff <c>apply_b_dec_to_input</c>, default true). <c>sparsity.safetensors</c> and <c>runner_cfg.json</c> beside
/// them are statistics and are not read. Source: <c>sae_lens/saes/*.py</c>, <c>loading/pretrained_sae_loaders.py</c> (<c>handle_pre_6_0_config</c>).
/// </remarks>
internal static class SaeLens
{
    public const string Name = "saelens", WeightsFile = "sae_weights.safetensors", ConfigFile = "cfg.json";

    public static SparseAutoencoder Open(string folder)
    {
        var config = SaeLensConfig.Read(Path.Combine(folder, ConfigFile));
        var tensors = new SaeTensors(SafetensorsFile.Open(Path.Combine(folder, WeightsFile)));
        var (dIn, dSae) = tensors.SizeOf("W_enc");
        config.RequireWidths(dIn, dSae);
        tensors.DropOnes("scaling_factor");
        return new SaeParts
        {
            Encoder = tensors.Matrix("W_enc", dIn, dSae),
            Decoder = tensors.Matrix("W_dec", dSae, dIn),
            DIn = dIn,
            DSae = dSae,
            BEnc = config.Architecture == "gated" ? null : SaeParts.Doubles(tensors.Vector("b_enc", dSae)),
            BDec = tensors.Vector("b_dec", dIn),
            SubtractBDec = config.ApplyBDecToInput,
            UnitDecoder = config.RescaleActsByDecoderNorm,
            Activation = Activation(config, tensors, dSae),
            InputNorm = config.InputNorm,
            Format = Name,
            Layer = config.Layer ?? SaeLayer.OfPath(folder),
            HookName = config.HookName,
            Variant = $"{config.K}",
            Notes = config.ModelName is { } model ? [$"Trained on \"{model}\"."] : [],
            ModelName = config.ModelName,
            IgnoredFields = config.Ignored,
        }.Build(tensors);
    }

    private static SaeActivation Activation(SaeLensConfig config, SaeTensors tensors, int dSae) => config.Architecture switch
    {
        "standard" => new SaeActivation.Relu(),
        "jumprelu" => new SaeActivation.JumpRelu(Threshold(tensors, dSae)),
        "gated" => new SaeActivation.Gated(tensors.Vector("b_gate", dSae), Exponential(tensors, "r_mag", dSae), tensors.Vector("b_mag", dSae)),
        _ => new SaeActivation.TopK(config.K <= dSae ? config.K : throw new ModelFormatException(config.Path, $"\"k\" is {config.K}, but the SAE has {dSae} latents")),
    };

    /// <summary>Old training files carry the logarithm.</summary>
    private static float[] Threshold(SaeTensors tensors, int dSae)
        => tensors.Source.Contains("log_threshold") ? Exponential(tensors, "log_threshold", dSae) : tensors.Vector("threshold", dSae);

    private static float[] Exponential(SaeTensors tensors, string name, int length)
    {
        float[] values = Array.ConvertAll(tensors.Vector(name, length), value => (float)Math.Exp(value));
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        return bad < 0 ? values : throw new ModelFormatException(tensors.Source.Path, $"tensor \"{name}\" overflows when exponentiated (element {bad})");
    }
}
