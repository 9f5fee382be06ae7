namespace SparseRM.Models.Architectures;

/// <summary>Reads rotary tables in both dialects: <c>rope_parameters</c> of transformers 5, or <c>rope_theta</c> with <c>rope_scaling</c> before.</summary>
internal static class RopeFields
{
    /// <summary>The model with its one rotary table, and with the context that the table is stretched to.</summary>
    public static ModelConfig WithRope(this ModelConfig config, HfConfig hf, double theta = 10000)
    {
        RopeConfig rope;
        if (hf.Section("rope_parameters") is { } parameters)
        {
            hf.Ignore(["rope_theta"]); // transformers 5 leaves a copy beside rope_parameters in some files
            rope = new RopeConfig(parameters.Positive("rope_theta"), Scaling(parameters, config.NCtx));
            RefuseOther(hf, rope.Scaling, config.NCtx);
        }
        else
        {
            rope = new RopeConfig(hf.Positive("rope_theta", theta), hf.Section("rope_scaling") is { } scaling ? Scaling(scaling, config.NCtx) : new("default"));
        }
        if (rope is { Theta: 1, Scaling.Kind: "yarn" }) hf.Refuse("rope_theta", "is 1, at which yarn has no frequencies to tell apart");
        return config with { Ropes = [rope], NCtx = Context(rope.Scaling, config.NCtx) };
    }

    /// <summary>Refuses a <c>rope_scaling</c> beside <c>rope_parameters</c> that says something else: transformers 4 reads the one, and 5 prefers it.</summary>
    public static void RefuseOther(HfConfig hf, RopeScaling scaling, int trained)
    {
        if (hf.Section("rope_scaling") is { } older && Scaling(older, trained) != scaling)
            hf.Refuse("rope_scaling", "says another scaling than \"rope_parameters\"; keep the one that is meant");
    }

    /// <summary>Longest input under a scaling.</summary>
    public static int Context(RopeScaling scaling, int trained) =>
        scaling.Kind == "yarn" ? (int)Math.Clamp(scaling.Factor * scaling.OriginalContext, trained, int.MaxValue) : trained;

    /// <summary>Reads <c>rope_type</c> (older: <c>type</c>) and the fields of the kinds that are known.</summary>
    /// <param name="hf">The section.</param>
    /// <param name="trained"><c>max_position_embeddings</c>.</param>
    public static RopeScaling Scaling(HfConfig hf, int trained)
    {
        string kind = hf.Has("rope_type") ? hf.Text("rope_type") : hf.Text("type", "default");
        hf.Ignore(["type"]);
        hf.RefuseVariants(Variants.Switches);
        switch (kind)
        {
            case "default":
                return new(kind);
            case "linear" or "dynamic":
                return new(kind, hf.Positive("factor"));
            case "yarn":
                return Yarn(hf, trained);
            case "llama3":
                return new(kind, hf.Positive("factor"), hf.Positive("low_freq_factor"), hf.Positive("high_freq_factor"), hf.Int("original_max_position_embeddings"));
            default:
                hf.Refuse(hf.Has("rope_type") ? "rope_type" : "type", $"is \"{kind}\", which is not supported (default, linear, dynamic, yarn and llama3 are)");
                return new("default");
        }
    }

    /// <summary>A field of 0 counts as left out, as in the code that this follows.</summary>
    private static RopeScaling Yarn(HfConfig hf, int trained)
    {
        int original = hf.Int("original_max_position_embeddings", trained);
        double factor = hf.Has("factor") || !hf.Has("original_max_position_embeddings") ? hf.Positive("factor") : (double)trained / original;
        double scale = hf.Number("mscale", 0), scaleAll = hf.Number("mscale_all_dim", 0);
        double attention = scale != 0 && scaleAll != 0 ? Magnitude(factor, scale) / Magnitude(factor, scaleAll) : Magnitude(factor, 1);
        return new("yarn", factor, OriginalContext: original)
        {
            BetaFast = hf.Number("beta_fast", 0) == 0 ? 32 : hf.Positive("beta_fast"),
            BetaSlow = hf.Number("beta_slow", 0) == 0 ? 1 : hf.Positive("beta_slow"),
            Truncate = hf.Flag("truncate", true),
            AttentionFactor = hf.Positive("attention_factor", attention),
        };
    }

    private static double Magnitude(double factor, double scale) => factor <= 1 ? 1 : 0.1 * scale * Math.Log(factor) + 1;
}
