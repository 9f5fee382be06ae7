using System.Globalization;
using SparseRM.Models;

namespace SparseRM.Scoring;

/// <summary>What both formats of reward files say in strings. Every field is written and demanded; "" stands for "does not apply" where a field may be absent.</summary>
/// <remarks>Fields of later engines (<c>choice.*</c>) are written only where they apply, so that files without them have the bytes that they always had.</remarks>
internal static class RewardModelFacts
{
    private static readonly string[] s_losses = ["margin", "bradley-terry", "bce"];

    /// <exception cref="ArgumentException">A value that <see cref="Read"/> would refuse.</exception>
    public static void Require(RewardModelMetadata metadata)
    {
        var identity = metadata.Identity;
        bool holds = identity.ModelFingerprint.Length > 0 && identity.ModelName.Length > 0 && identity.Layer >= 0 && metadata.DataHash.Length > 0
            && metadata.EngineVersion.Length > 0 && Tensors.DTypes.ParseCompute(metadata.DType) is not null && s_losses.Contains(metadata.Loss) && metadata.Margin >= 0
            && double.IsFinite(metadata.Margin) && metadata.K is null or > 0 && metadata.Pairs >= 0 && metadata.HeldOutPairs >= 0
            && metadata.HeldOutAccuracy is null or (>= 0 and <= 1)
            && metadata.Choice is null or { OuterFolds: >= 2, InnerFolds: >= 2, Correct: >= 0, Total: >= 1, Layers.Count: >= 1, Positions.Count: >= 1 };
        if (!holds) throw new ArgumentException($"no reward file keeps {metadata}", nameof(metadata));
    }

    /// <summary>What scoring must agree with: the same for all components.</summary>
    public static void WriteShared(Dictionary<string, string> fields, RewardModelMetadata metadata)
    {
        var identity = metadata.Identity;
        fields["model_fingerprint"] = identity.ModelFingerprint;
        fields["model_name"] = identity.ModelName;
        fields["layer"] = RewardFields.Write(identity.Layer);
        fields["position"] = identity.Position.ToString().ToLowerInvariant();
        fields["template_name"] = identity.TemplateName;
        fields["template_fingerprint"] = identity.TemplateFingerprint;
        fields["template_source"] = metadata.TemplateSource;
        fields["tokenizer_fingerprint"] = identity.TokenizerFingerprint;
        fields["dtype"] = metadata.DType;
    }

    /// <summary>How one component came about.</summary>
    /// <param name="fields">Where the fields go.</param>
    /// <param name="prefix">What stands before their names.</param>
    /// <param name="metadata">The component's.</param>
    public static void WriteOwn(Dictionary<string, string> fields, string prefix, RewardModelMetadata metadata)
    {
        fields[prefix + "sae_id"] = metadata.SaeId ?? "";
        fields[prefix + "gating_mode"] = metadata.GatingMode ?? "";
        fields[prefix + "loss"] = metadata.Loss;
        fields[prefix + "margin"] = RewardFields.Write(metadata.Margin);
        fields[prefix + "k"] = metadata.K is { } k ? RewardFields.Write(k) : "";
        fields[prefix + "seed"] = RewardFields.Write(metadata.Seed);
        fields[prefix + "data_hash"] = metadata.DataHash;
        fields[prefix + "pairs"] = RewardFields.Write(metadata.Pairs);
        fields[prefix + "held_out_pairs"] = RewardFields.Write(metadata.HeldOutPairs);
        fields[prefix + "held_out_accuracy"] = metadata.HeldOutAccuracy is { } accuracy ? RewardFields.Write(accuracy) : "";
        fields[prefix + "engine_version"] = metadata.EngineVersion;
        if (metadata.Choice is not { } choice) return;
        fields[prefix + "choice.k"] = string.Join(',', choice.Ks.Select(k => RewardFields.Write(k)));
        fields[prefix + "choice.layers"] = string.Join(',', choice.Layers.Select(layer => RewardFields.Write(layer)));
        fields[prefix + "choice.positions"] = string.Join(',', choice.Positions.Select(position => position.ToString().ToLowerInvariant()));
        fields[prefix + "choice.outer_folds"] = RewardFields.Write(choice.OuterFolds);
        fields[prefix + "choice.inner_folds"] = RewardFields.Write(choice.InnerFolds);
        fields[prefix + "choice.correct"] = RewardFields.Write(choice.Correct);
        fields[prefix + "choice.total"] = RewardFields.Write(choice.Total);
    }

    /// <summary>Reads both parts.</summary>
    /// <param name="fields">The file's strings.</param>
    /// <param name="prefix">What stands before the names of the component's own.</param>
    /// <param name="bootstrap">Whether its heads saw random samples.</param>
    public static RewardModelMetadata Read(RewardFields fields, string prefix, bool bootstrap) => new()
    {
        Identity = new ScoringIdentity
        {
            ModelFingerprint = fields.Text("model_fingerprint"),
            ModelName = fields.Text("model_name"),
            Layer = (int)fields.Integer("layer", 0, int.MaxValue),
            Position = fields.Choice<ReadOutPosition>("position"),
            TemplateName = fields.Field("template_name"),
            TemplateFingerprint = fields.Field("template_fingerprint"),
            TokenizerFingerprint = fields.Field("tokenizer_fingerprint"),
        },
        TemplateSource = fields.Field("template_source"),
        DType = fields.OneOf("dtype", [.. Tensors.DTypes.ComputeNames]),
        SaeId = fields.Optional(prefix + "sae_id"),
        GatingMode = fields.Optional(prefix + "gating_mode"),
        Loss = fields.OneOf(prefix + "loss", s_losses),
        Margin = fields.Number(prefix + "margin", 0, double.MaxValue),
        K = fields.Optional(prefix + "k") is null ? null : (int)fields.Integer(prefix + "k", 1, int.MaxValue),
        Bootstrap = bootstrap,
        Seed = fields.Integer(prefix + "seed", long.MinValue, long.MaxValue),
        DataHash = fields.Text(prefix + "data_hash"),
        Pairs = (int)fields.Integer(prefix + "pairs", 0, int.MaxValue),
        HeldOutPairs = (int)fields.Integer(prefix + "held_out_pairs", 0, int.MaxValue),
        HeldOutAccuracy = fields.Optional(prefix + "held_out_accuracy") is null ? null : fields.Number(prefix + "held_out_accuracy", 0, 1),
        EngineVersion = fields.Text(prefix + "engine_version"),
        Choice = fields.Has(prefix + "choice.layers") ? ReadChoice(fields, prefix + "choice.") : null,
    };

    private static SettingChoice ReadChoice(RewardFields fields, string prefix)
    {
        int total = (int)fields.Integer(prefix + "total", 1, int.MaxValue), correct = (int)fields.Integer(prefix + "correct", 0, int.MaxValue);
        if (correct > total) throw fields.Bad(prefix + "correct", $"an integer of at most {total}");
        return new SettingChoice(
            fields.Optional(prefix + "k") is null ? [] : Whole("k"), Whole("layers"),
            fields.List<ReadOutPosition>(prefix + "positions", "last, content or mean, with commas between",
                text => Enum.GetValues<ReadOutPosition>().Where(position => position.ToString().ToLowerInvariant() == text).Select(position => (ReadOutPosition?)position).FirstOrDefault()),
            (int)fields.Integer(prefix + "outer_folds", 2, int.MaxValue), (int)fields.Integer(prefix + "inner_folds", 2, int.MaxValue), correct, total);

        IReadOnlyList<int> Whole(string key) =>
            fields.List<int>(prefix + key, "whole numbers with commas between", text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null);
    }
}
