using System.Globalization;
using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Weights;

namespace SparseRM.Scoring;

/// <summary>The metadata strings of a reward file. Every field is written and demanded; "" stands for "does not apply" where a field may be absent.</summary>
internal sealed class RewardModelFields
{
    private readonly SafetensorsFile _file;

    public RewardModelFields(SafetensorsFile file)
    {
        _file = file;
        string version = Text("format_version");
        if (version != RewardModelFile.FormatVersion)
            throw new ModelFormatException(file.Path, $"is a reward model of format {version}, this engine reads format {RewardModelFile.FormatVersion}; fit again or use another version");
    }

    public HeadInputKind InputKind => Choice<HeadInputKind>("input");

    public int DModel => (int)Integer("d_model", 1, 1 << 26);

    public int ChosenSamples => (int)Integer("chosen_samples", 1, int.MaxValue);

    public int RejectedSamples => (int)Integer("rejected_samples", 1, int.MaxValue);

    public static Dictionary<string, string> Write(RewardModel model)
    {
        var (metadata, identity) = (model.Metadata, model.Metadata.Identity);
        var fields = new Dictionary<string, string>
        {
            ["format"] = RewardModelFile.Format,
            ["format_version"] = RewardModelFile.FormatVersion,
            ["input"] = HeadInput.Name(model.Input.Kind),
            ["d_model"] = Text(model.Input.DModel),
            ["model_fingerprint"] = identity.ModelFingerprint,
            ["model_name"] = identity.ModelName,
            ["layer"] = Text(identity.Layer),
            ["position"] = identity.Position.ToString().ToLowerInvariant(),
            ["template_name"] = identity.TemplateName,
            ["template_fingerprint"] = identity.TemplateFingerprint,
            ["template_source"] = metadata.TemplateSource,
            ["tokenizer_fingerprint"] = identity.TokenizerFingerprint,
            ["dtype"] = metadata.DType,
            ["sae_id"] = metadata.SaeId ?? "",
            ["gating_mode"] = metadata.GatingMode ?? "",
            ["loss"] = metadata.Loss,
            ["margin"] = Text(metadata.Margin),
            ["k"] = metadata.K is { } k ? Text(k) : "",
            ["seed"] = Text(metadata.Seed),
            ["data_hash"] = metadata.DataHash,
            ["pairs"] = Text(metadata.Pairs),
            ["held_out_pairs"] = Text(metadata.HeldOutPairs),
            ["held_out_accuracy"] = metadata.HeldOutAccuracy is { } accuracy ? Text(accuracy) : "",
            ["engine_version"] = metadata.EngineVersion,
        };
        if (model.Input.Latents.Count > 0)
        {
            fields["chosen_samples"] = Text(model.Input.Latents[0].ChosenSamples);
            fields["rejected_samples"] = Text(model.Input.Latents[0].RejectedSamples);
        }
        return fields;
    }

    public RewardModelMetadata Read() => new()
    {
        Identity = new ScoringIdentity
        {
            ModelFingerprint = Text("model_fingerprint"),
            ModelName = Text("model_name"),
            Layer = (int)Integer("layer", 0, int.MaxValue),
            Position = Choice<ReadOutPosition>("position"),
            TemplateName = Text("template_name"),
            TemplateFingerprint = Text("template_fingerprint"),
            TokenizerFingerprint = Text("tokenizer_fingerprint"),
        },
        TemplateSource = Field("template_source"),
        DType = Text("dtype") is "f32" or "bf16" ? Text("dtype") : throw Bad("dtype", "f32 or bf16"),
        SaeId = Optional("sae_id"),
        GatingMode = Optional("gating_mode"),
        Loss = Text("loss") is "margin" or "bradley-terry" or "bce" ? Text("loss") : throw Bad("loss", "margin, bradley-terry or bce"),
        Margin = Number("margin", 0, double.MaxValue),
        K = Optional("k") is null ? null : (int)Integer("k", 1, int.MaxValue),
        Seed = Integer("seed", long.MinValue, long.MaxValue),
        DataHash = Text("data_hash"),
        Pairs = (int)Integer("pairs", 0, int.MaxValue),
        HeldOutPairs = (int)Integer("held_out_pairs", 0, int.MaxValue),
        HeldOutAccuracy = Optional("held_out_accuracy") is null ? null : Number("held_out_accuracy", 0, 1),
        EngineVersion = Text("engine_version"),
    };

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private string Field(string key) => _file.Metadata.TryGetValue(key, out string? value)
        ? value
        : throw new ModelFormatException(_file.Path, $"the reward model's metadata has no \"{key}\"; fit again");

    private string Text(string key) => Field(key) is { Length: > 0 } value ? value : throw Bad(key, "some text");

    private string? Optional(string key) => Field(key) is { Length: > 0 } value ? value : null;

    private long Integer(string key, long least, long most)
        => long.TryParse(Field(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most
            ? value
            : throw Bad(key, least == long.MinValue ? "an integer" : $"an integer of at least {least}");

    private double Number(string key, double least, double most)
        => double.TryParse(Field(key), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= least && value <= most
            ? value
            : throw Bad(key, most == 1 ? "a number from 0 to 1" : $"a number of at least {least}");

    private TEnum Choice<TEnum>(string key)
        where TEnum : struct, Enum
    {
        string value = Field(key);
        foreach (var choice in Enum.GetValues<TEnum>())
            if (choice.ToString().ToLowerInvariant() == value) return choice;
        throw Bad(key, string.Join(", ", Enum.GetNames<TEnum>().Select(name => name.ToLowerInvariant())));
    }

    private ModelFormatException Bad(string key, string expected)
        => new(_file.Path, $"the reward model's metadata has \"{key}\" = \"{Field(key)}\", expected {expected}");
}
