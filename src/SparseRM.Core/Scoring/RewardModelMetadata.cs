using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Scoring;

/// <summary>What the hidden states of a reward model depend on: scoring with anything else would be silently wrong.</summary>
public sealed record ScoringIdentity
{
    /// <summary>Fingerprint of the model's weights and config.</summary>
    public required string ModelFingerprint { get; init; }

    /// <summary>The model's name, for messages.</summary>
    public required string ModelName { get; init; }

    /// <summary>0-based block after which the residual stream is read.</summary>
    public required int Layer { get; init; }

    /// <summary>Where it is read.</summary>
    public required ReadOutPosition Position { get; init; }

    /// <summary>Name of the chat template (<c>gemma</c>, <c>none</c>, <c>model</c>, a file's name), for messages.</summary>
    public required string TemplateName { get; init; }

    /// <summary>Fingerprint of the template's source.</summary>
    public required string TemplateFingerprint { get; init; }

    /// <summary>Fingerprint of the tokenizer.</summary>
    public required string TokenizerFingerprint { get; init; }

    /// <summary>Refuses to score with anything but what the reward model was fitted with.</summary>
    /// <param name="path">The reward file, for the message.</param>
    /// <param name="current">What scoring would use.</param>
    /// <exception cref="SparseRMException">The first difference, with both values.</exception>
    public void RequireMatches(string path, ScoringIdentity current)
    {
        if (FirstDifference(current) is { } found)
            throw new SparseRMException(ErrorKind.Mismatch, $"{path}: the reward model was fitted with {found.What} {found.Own}, but scoring uses {found.What} {found.Other}; use the same or fit again.");
    }

    /// <summary>What first tells the two apart, with both values; null where nothing does.</summary>
    internal (string What, string Own, string Other)? FirstDifference(ScoringIdentity other)
    {
        // First: the model's fingerprint covers blocks 0..layer, so that another layer would be told as another model.
        if (Layer != other.Layer) return ("layer", $"{Layer}", $"{other.Layer}");
        if (ModelFingerprint != other.ModelFingerprint) return ("model", Both(ModelName, ModelFingerprint), Both(other.ModelName, other.ModelFingerprint));
        if (TokenizerFingerprint != other.TokenizerFingerprint) return ("tokenizer", TokenizerFingerprint, other.TokenizerFingerprint);
        if (Position != other.Position) return ("position", $"{Position}".ToLowerInvariant(), $"{other.Position}".ToLowerInvariant());
        if (TemplateFingerprint != other.TemplateFingerprint)
            return ("chat template", Both(TemplateName, TemplateFingerprint), Both(other.TemplateName, other.TemplateFingerprint));
        return null;
    }

    private static string Both(string name, string fingerprint) => $"{name} ({fingerprint})";
}

/// <summary>How a reward model came about: everything that a reader needs to judge and to repeat it.</summary>
public sealed record RewardModelMetadata
{
    /// <summary>What scoring must agree with.</summary>
    public required ScoringIdentity Identity { get; init; }

    /// <summary>The template's source, so that scoring needs no guess; empty for <c>none</c>.</summary>
    public required string TemplateSource { get; init; }

    /// <summary>Arithmetic of the forward pass: <c>f32</c> or <c>bf16</c>.</summary>
    public required string DType { get; init; }

    /// <summary>The SAE's id, or null (dense, random).</summary>
    public string? SaeId { get; init; }

    /// <summary>How the SAE was gated where its format leaves a choice (<c>official</c>, <c>saelens</c>), or null.</summary>
    public string? GatingMode { get; init; }

    /// <summary>Name of the loss.</summary>
    public required string Loss { get; init; }

    /// <summary>gamma of the margin loss.</summary>
    public required double Margin { get; init; }

    /// <summary>K as asked for (fewer latents may separate), or null (dense).</summary>
    public int? K { get; init; }

    /// <summary>Whether each head saw a random sample of the training groups, with replacement; otherwise all heads saw all of them.</summary>
    public bool Bootstrap { get; init; }

    /// <summary>Seed of the fit.</summary>
    public required long Seed { get; init; }

    /// <summary>Hash of the preference data.</summary>
    public required string DataHash { get; init; }

    /// <summary>Pairs in the data, held-out ones included.</summary>
    public required int Pairs { get; init; }

    /// <summary>Pairs held out of training.</summary>
    public required int HeldOutPairs { get; init; }

    /// <summary>Share of held-out pairs ordered rightly, or null where none were held out.</summary>
    public double? HeldOutAccuracy { get; init; }

    /// <summary>How K, layer and position were chosen; null where they were given.</summary>
    public SettingChoice? Choice { get; init; }

    /// <summary>Version of the engine that fitted it.</summary>
    public required string EngineVersion { get; init; }
}
