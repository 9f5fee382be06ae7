namespace SparseRM.Sae.Formats;

/// <summary>A SAELens <c>cfg.json</c> of either dialect: version 6 keeps what concerns the model under <c>metadata</c>, older ones beside the rest.</summary>
internal sealed class SaeLensConfig
{
    /// <summary>Training, bookkeeping, and what only tells how activations were collected; SAELens itself drops these when it loads an SAE.</summary>
    private static readonly string[] s_irrelevant =
    [
        "dtype", "device", "seed", "model_name", "model_class_name", "model_kwargs", "model_from_pretrained_kwargs", "hook_layer", "hook_point_layer", "hook_eval",
        "prepend_bos", "context_size", "seqpos_slice", "dataset_path", "dataset_trust_remote_code", "streaming", "is_dataset_tokenized", "exclude_special_tokens",
        "neuronpedia_id", "sae_lens_version", "sae_lens_training_version", "run_name", "expansion_factor", "from_pretrained_path", "cached_activations_path",
        "use_cached_activations", "n_batches_in_buffer", "training_tokens", "store_batch_size", "store_batch_size_prompts", "train_batch_size", "train_batch_size_tokens",
        "lr", "lr_end", "lr_scheduler_name", "lr_warm_up_steps", "lr_decay_steps", "n_restart_cycles", "adam_beta1", "adam_beta2", "l1_coefficient", "l1_warm_up_steps",
        "l0_coefficient", "l0_warm_up_steps", "l0_lambda", "lp_norm", "mse_loss_normalization", "noise", "dead_feature_window", "dead_feature_threshold", "feature_sampling_window",
        "feature_sampling_method", "resample_batches", "use_ghost_grads", "b_dec_init_method", "b_enc_init", "decoder_init_norm", "decoder_heuristic_init",
        "decoder_heuristic_init_norm", "init_encoder_as_decoder_transpose", "normalize_sae_decoder", "scale_sparsity_penalty_by_decoder_norm", "jumprelu_init_threshold",
        "jumprelu_bandwidth", "jumprelu_sparsity_loss_mode", "jumprelu_tanh_scale", "pre_act_loss_coefficient", "aux_loss_coefficient", "use_sparse_activations",
        "log_to_wandb", "log_activations_store_to_wandb", "log_optimizer_state_to_wandb", "wandb_project", "wandb_id", "wandb_entity", "wandb_log_frequency", "eval_every_n_wandb_logs",
        "n_eval_batches", "eval_batch_size_prompts", "n_checkpoints", "checkpoint_path", "verbose", "resume", "autocast", "autocast_lm", "compile_llm", "llm_compilation_mode",
        "compile_sae", "sae_compilation_mode", "act_store_device", "tokens_per_buffer", "activation_fn_kwargs", "disable_concat_sequences", "sequence_separator_token",
    ];

    private readonly SaeConfig _config;

    private SaeLensConfig(string path, SaeConfig config) => (Path, _config) = (path, config);

    public string Path { get; }
    public required string Architecture { get; init; }
    public required bool ApplyBDecToInput { get; init; }
    public required bool RescaleActsByDecoderNorm { get; init; }
    public required SaeInputNorm InputNorm { get; init; }

    /// <summary>0 unless topk.</summary>
    public required int K { get; init; }

    public required string? HookName { get; init; }
    public required int? Layer { get; init; }
    public required string? ModelName { get; init; }

    /// <summary>See <see cref="SaeConfig.Ignored"/>.</summary>
    public IReadOnlyList<string> Ignored => _config.Ignored;

    public static SaeLensConfig Read(string path)
    {
        var config = SaeConfig.Open(path);
        var metadata = config.Object("metadata");
        string architecture = ReadArchitecture(config);
        string? hook = metadata?.Text("hook_name") ?? config.Text("hook_name") ?? config.Text("hook_point");
        int? layer = hook is null ? null : SaeLayer.OfHook(hook)
            ?? throw config.Bad("hook_name", $"is \"{hook}\"; only residual streams (blocks.N.hook_resid_post, or hook_resid_pre of a later block than 0) are supported");
        RefuseOtherInputs(config, metadata, hook);
        var read = new SaeLensConfig(path, config)
        {
            Architecture = architecture,
            ApplyBDecToInput = config.Flag("apply_b_dec_to_input") ?? true,
            RescaleActsByDecoderNorm = architecture == "topk" && (config.Flag("rescale_acts_by_decoder_norm") ?? false),
            InputNorm = ReadNorm(config),
            K = architecture == "topk" ? ReadK(config) : 0,
            HookName = hook,
            Layer = layer,
            ModelName = metadata?.Text("model_name") ?? config.Text("model_name"),
        };
        if (architecture != "topk") config.Require("rescale_acts_by_decoder_norm", false, "only topk SAEs have it");
        config.Ignore(s_irrelevant);
        metadata?.IgnoreRest();
        return read;
    }

    /// <summary>Compares widths with the tensors'.</summary>
    public void RequireWidths(int dIn, int dSae)
    {
        _config.RequireWidth("d_in", dIn);
        _config.RequireWidth("d_sae", dSae);
    }

    /// <summary>Before version 6 a topk SAE was called standard, with the activation function named beside it.</summary>
    private static string ReadArchitecture(SaeConfig config)
    {
        string architecture = config.Text("architecture") ?? "standard";
        string field = config.Has("activation_fn_str") ? "activation_fn_str" : "activation_fn";
        string? function = config.Text(field);
        if (function is not (null or "relu" or "topk")) throw config.Bad(field, $"is \"{function}\"; relu and topk are supported");
        if (function == "topk")
        {
            if (architecture is not ("standard" or "topk")) throw config.Bad(field, $"is \"topk\", which contradicts architecture \"{architecture}\"");
            return "topk";
        }
        return architecture is "standard" or "jumprelu" or "gated" or "topk" ? architecture
            : throw config.Bad("architecture", $"is \"{architecture}\"; standard, jumprelu, gated and topk are supported"
                + (architecture.Contains("transcoder", StringComparison.Ordinal) ? " (a transcoder does not reconstruct its own input)" : ""));
    }

    private static int ReadK(SaeConfig config)
    {
        int k = config.Integer("k") ?? config.Object("activation_fn_kwargs")?.Integer("k") ?? throw config.Bad("k", "is missing; a topk SAE needs it");
        return k > 0 ? k : throw config.Bad("k", "is 0, expected at least 1");
    }

    private static SaeInputNorm ReadNorm(SaeConfig config)
    {
        const string Field = "normalize_activations";
        // Before version 6 this was a flag.
        string norm = config.IsFlag(Field) ? (config.Flag(Field) == true ? "expected_average_only_in" : "none") : config.Text(Field) ?? "none";
        return norm switch
        {
            "none" => SaeInputNorm.None,
            "layer_norm" => SaeInputNorm.LayerNorm,
            "constant_norm_rescale" => SaeInputNorm.ConstantNorm,
            "expected_average_only_in" => throw config.Bad(Field,
                "is \"expected_average_only_in\", and the scale it stands for is not in the file; fold it with SAELens (fold_activation_norm_scaling_factor), which sets the field to \"none\", and save again"),
            _ => throw config.Bad(Field, $"is \"{norm}\"; none, layer_norm and constant_norm_rescale are supported"),
        };
    }

    private static void RefuseOtherInputs(SaeConfig config, SaeConfig? metadata, string? hook)
    {
        if (config.Text("reshape_activations") is { } reshape && reshape != "none") throw config.Bad("reshape_activations", $"is \"{reshape}\"; only \"none\" is supported");
        config.Require("finetuning_scaling_factor", false, "a fine-tuned scaling factor is not supported, fold it into the weights first");
        if (config.Has("d_out")) throw config.Bad("d_out", "is there: a transcoder, which does not reconstruct its own input, is not supported");
        foreach (var part in new[] { config, metadata })
        {
            if (part is null) continue;
            foreach (string field in new[] { "hook_head_index", "hook_point_head_index", "hook_head_index_out" })
                if (part.Integer(field) is { } head) throw part.Bad(field, $"is {head}; SAEs of one attention head are not supported");
            if (part.Text("hook_name_out") is { } hookOut && hookOut != hook) throw part.Bad("hook_name_out", $"is \"{hookOut}\", another place than the input: a transcoder is not supported");
        }
    }
}
