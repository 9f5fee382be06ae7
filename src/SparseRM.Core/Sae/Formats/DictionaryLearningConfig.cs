namespace SparseRM.Sae.Formats;

/// <summary>dictionary_learning's <c>config.json</c>: <c>trainer</c> describes the SAE, <c>buffer</c> how activations were collected.</summary>
internal sealed class DictionaryLearningConfig
{
    private static readonly string[] s_classes =
        ["AutoEncoder", "AutoEncoderNew", "GatedAutoEncoder", "JumpReluAutoEncoder", "AutoEncoderTopK", "BatchTopKSAE", "MatryoshkaBatchTopKSAE"];

    /// <summary>How it was trained. Biases in the file are already in raw units, so norm_factor only informs; use_threshold is the class's default.</summary>
    private static readonly string[] s_irrelevant =
    [
        "trainer_class", "lr", "l1_penalty", "sparsity_penalty", "warmup_steps", "sparsity_warmup_steps", "decay_start", "resample_steps", "device", "wandb_name", "steps", "seed",
        "auxk_alpha", "threshold_beta", "threshold_start_step", "group_fractions", "group_weights", "group_sizes", "bandwidth", "target_l0", "sparsity_function", "p_start", "p_end",
        "anneal_start", "anneal_end", "sparsity_queue_length", "n_sparsity_updates", "initial_sparsity_penalty", "top_k_aux", "k_anneal_steps", "norm_factor", "use_april_update_mode",
    ];

    private readonly SaeConfig _config, _trainer;

    private DictionaryLearningConfig(SaeConfig config, SaeConfig trainer) => (_config, _trainer) = (config, trainer);

    public required string DictClass { get; init; }
    public required int? Layer { get; init; }
    public required string? SubmoduleName { get; init; }
    public required string? ModelName { get; init; }

    public static DictionaryLearningConfig Read(string path)
    {
        var config = SaeConfig.Open(path);
        var trainer = config.Object("trainer") ?? throw config.Bad("trainer", "is missing");
        var buffer = config.Object("buffer");
        if (buffer?.Text("io") is { } io && io != "out") throw buffer.Bad("io", $"is \"{io}\"; only SAEs of a block's output (\"out\") are supported");
        config.Ignore("norm_factor");
        buffer?.IgnoreRest();
        string dictClass = trainer.Text("dict_class") ?? throw trainer.Bad("dict_class", "is missing");
        if (!s_classes.Contains(dictClass)) throw trainer.Bad("dict_class", $"is \"{dictClass}\"; {string.Join(", ", s_classes)} are supported");
        string? submodule = trainer.Text("submodule_name");
        if (submodule is not null && (submodule.Contains("mlp", StringComparison.Ordinal) || submodule.Contains("attn", StringComparison.Ordinal) || submodule.Contains("attention", StringComparison.Ordinal)))
            throw trainer.Bad("submodule_name", $"is \"{submodule}\"; only residual streams after a block are supported");
        trainer.Ignore(s_irrelevant);
        return new DictionaryLearningConfig(config, trainer)
        {
            DictClass = dictClass,
            Layer = trainer.Integer("layer") ?? SaeLayer.OfPath(path),
            SubmoduleName = submodule,
            ModelName = trainer.Text("lm_name"),
        };
    }

    /// <summary>See <see cref="SaeConfig.Ignored"/>.</summary>
    public IReadOnlyList<string> Ignored => _config.Ignored;

    /// <summary>Compares widths with the tensors'.</summary>
    public void RequireWidths(int dIn, int dSae)
    {
        _trainer.RequireWidth("activation_dim", dIn);
        _trainer.RequireWidth("dict_size", dSae);
        _trainer.Integer("k");
    }

    /// <summary><c>trainer.k</c>, where it is there.</summary>
    public int? K => _trainer.Integer("k");

    /// <summary>The config's k, where there is one, must be the tensors'.</summary>
    public void RequireK(int k) => _trainer.RequireWidth("k", k);
}
