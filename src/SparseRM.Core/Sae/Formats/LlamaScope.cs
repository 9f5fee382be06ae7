using System.Globalization;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae.Formats;

/// <summary>Llama Scope of 2024 (<c>hyperparams.json</c>, <c>checkpoints/final.safetensors</c>). With s = sqrt(d) / average norm and n_i the norm of direction i:</summary>
/// <remarks>
/// official: <c>p_i = n_i (x . w_i + b_i / s)</c>, kept where p_i &gt; t, <c>recon = sum a_i d_i / n_i + b_dec / s</c>: t is in these units and is not
/// multiplied by s. saelens: <c>p_i = s x . w_i + b_i</c>, kept where p_i &gt; t s, <c>recon = (sum a_i d_i + b_dec) / s</c>.
/// Source: Language-Model-SAEs at 8c61d1d7, <c>src/lm_saes/sae.py</c>; SAELens <c>llama_scope_sae_huggingface_loader</c>.
/// </remarks>
internal static class LlamaScope
{
    public const string Name = "llama-scope", ConfigFile = "hyperparams.json";

    private static readonly string[] s_weightFiles = ["sae_weights.safetensors", "checkpoints/pruned.safetensors", "checkpoints/final.safetensors"];

    /// <summary>Training and bookkeeping of that code's SAEConfig.</summary>
    private static readonly string[] s_irrelevant =
    [
        "expansion_factor", "dtype", "device", "seed", "top_k", "k_warmup_steps", "use_batch_norm_mse", "lp", "l1_coefficient", "l1_coefficient_warmup_steps",
        "use_ghost_grads", "remove_gradient_parallel_to_decoder_directions", "init_decoder_norm", "init_encoder_norm", "init_encoder_with_decoder_transpose",
        "init_search", "bias_init_method", "decoder_bias_init_method", "decoder_exactly_fixed_norm", "decoder_exactly_unit_norm", "strict_loading",
        "sae_pretrained_name_or_path", "fix_sae_pretrained_name_or_path", "tp_size", "ddp_size", "type", "version",
    ];

    public static SparseAutoencoder Open(string folder, LlamaScopeMode mode)
    {
        string path = Path.Combine(folder, ConfigFile);
        var config = SaeConfig.Open(path);
        string file = s_weightFiles.Select(name => Path.Combine([folder, .. name.Split('/')])).FirstOrDefault(File.Exists)
            ?? throw new ModelFormatException(folder, $"has {ConfigFile} but none of {string.Join(", ", s_weightFiles)}; download the weights too");
        var tensors = new SaeTensors(SafetensorsFile.Open(file));
        var (dSae, dIn) = tensors.SizeOf("encoder.weight");
        config.RequireWidth("d_model", dIn);
        config.RequireWidth("d_sae", dSae);
        string hook = ReadHook(config);
        double scale = ReadScale(config, dIn), threshold = ReadThreshold(config);
        bool official = mode == LlamaScopeMode.Official, withNorm = config.Flag("sparsity_include_decoder_norm") ?? true;
        bool hasBias = config.Flag("use_decoder_bias") ?? true;
        RefuseOtherMaths(config);
        double[] bEnc = SaeParts.Doubles(tensors.Vector("encoder.bias", dSae));
        float[] bDec = hasBias ? tensors.Vector("decoder.bias", dIn) : new float[dIn];
        return new SaeParts
        {
            Encoder = SaeParts.Transpose(tensors.Matrix("encoder.weight", dSae, dIn)),
            Decoder = SaeParts.Transpose(tensors.Matrix("decoder.weight", dIn, dSae)),
            DIn = dIn,
            DSae = dSae,
            BEnc = official ? Array.ConvertAll(bEnc, bias => bias / scale) : bEnc,
            BDec = Array.ConvertAll(bDec, bias => (float)(bias / scale)),
            UnitDecoder = official && withNorm,
            InputScale = official ? 1 : scale,
            Activation = new SaeActivation.JumpRelu([.. Enumerable.Repeat((float)(official ? threshold : threshold * scale), dSae)]),
            Format = Name,
            GatingMode = official ? "official" : "saelens",
            Layer = SaeLayer.OfHook(hook),
            HookName = hook,
            Variant = string.Create(CultureInfo.InvariantCulture, $"{threshold:R} {scale:R}"),
            IgnoredFields = config.Ignored,
            Notes = ["Llama Scope SAEs were trained on the base model; with an Instruct model they are a transfer.", "At the BOS position thousands of latents fire; BOS is left out of frequencies and read-outs."],
        }.Build(tensors);
    }

    private static string ReadHook(SaeConfig config)
    {
        string hook = config.Text("hook_point_in") ?? throw config.Bad("hook_point_in", "is missing");
        string hookOut = config.Text("hook_point_out") ?? hook;
        if (hookOut != hook) throw config.Bad("hook_point_out", $"is \"{hookOut}\", the input is \"{hook}\": a transcoder is not supported");
        return SaeLayer.OfHook(hook) is not null ? hook
            : throw config.Bad("hook_point_in", $"is \"{hook}\"; only residual streams after a block (blocks.N.hook_resid_post, the LXR sets) are supported");
    }

    private static double ReadScale(SaeConfig config, int dIn)
    {
        string norm = config.Text("norm_activation") ?? throw config.Bad("norm_activation", "is missing");
        var average = config.Object("dataset_average_activation_norm");
        if (norm == "inference")
        {
            average?.IgnoreRest();
            return 1;
        }
        if (norm != "dataset-wise") throw config.Bad("norm_activation", $"is \"{norm}\"; dataset-wise and inference are supported");
        if (average is null) throw config.Bad("dataset_average_activation_norm", "is missing, and norm_activation \"dataset-wise\" needs it");
        double input = average.Number("in") ?? throw average.Bad("in", "is missing"), output = average.Number("out") ?? input;
        if (input <= 0) throw average.Bad("in", "must be greater than 0");
        if (output != input) throw average.Bad("out", "differs from \"in\": a transcoder is not supported");
        average.IgnoreRest();
        return Math.Sqrt(dIn) / input;
    }

    private static double ReadThreshold(SaeConfig config)
    {
        string function = config.Text("act_fn") ?? throw config.Bad("act_fn", "is missing");
        if (function != "jumprelu") throw config.Bad("act_fn", $"is \"{function}\"; only jumprelu is supported");
        double threshold = config.Number("jump_relu_threshold") ?? throw config.Bad("jump_relu_threshold", "is missing");
        return threshold >= 0 ? threshold : throw config.Bad("jump_relu_threshold", "must be at least 0");
    }

    private static void RefuseOtherMaths(SaeConfig config)
    {
        config.Require("apply_decoder_bias_to_pre_encoder", false, "no released Llama Scope SAE subtracts its decoder bias, so this is not supported");
        config.Require("use_glu_encoder", false, "a gated linear encoder is not supported");
        if (config.Text("sae_type") is { } type && type != "sae") throw config.Bad("sae_type", $"is \"{type}\"; only \"sae\" is supported");
        config.Ignore(s_irrelevant);
    }
}
