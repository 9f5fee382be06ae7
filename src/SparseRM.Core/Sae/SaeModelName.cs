using System.Text.RegularExpressions;
using SparseRM.Models;
using SparseRM.Sae.Formats;

namespace SparseRM.Sae;

/// <summary>Whether the model that an SAE names can be the model at hand, by family, size and the names that the model goes by.</summary>
/// <remarks>
/// Held for Gemma Scope 2, whose own config.json names the model; other formats are converted and copied with names of other models. A base model's SAE
/// may be used on its instruction-tuned model, as the field does, so that the two count as one.
/// </remarks>
public static partial class SaeModelName
{
    private static readonly (string Family, string Size, int DModel, int NLayers)[] s_known =
    [
        ("gemma2", "2b", 2304, 26), ("gemma2", "9b", 3584, 42), ("gemma2", "27b", 4608, 46),
        ("gemma3", "270m", 640, 18), ("gemma3", "1b", 1152, 26), ("gemma3", "4b", 2560, 34), ("gemma3", "12b", 3840, 48), ("gemma3", "27b", 5376, 62),
    ];

    /// <summary>What speaks against it, as a sentence without its end; null where nothing does.</summary>
    /// <param name="sae">The SAE.</param>
    /// <param name="config">The model.</param>
    /// <param name="names">What the model is called: its id, its folder, the name in its config.json.</param>
    public static string? Contradiction(SparseAutoencoder sae, ModelConfig config, IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(sae);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(names);
        if (sae.Format != GemmaScope.Name || sae.ModelName is not { } name) return null;
        var (family, size) = Parts(name);
        if (family is not null && !config.Family.StartsWith(family, StringComparison.Ordinal))
            return $"\"model_name\" is \"{name}\", and the model is of the family {config.Family}";
        foreach (string other in names)
        {
            var (otherFamily, otherSize) = Parts(other);
            if (family is null || otherFamily is null) continue;
            if (family != otherFamily || (size is not null && otherSize is not null && size != otherSize))
                return $"\"model_name\" is \"{name}\", and the model is called \"{other}\"";
        }
        foreach (var known in s_known)
            if (known.Family == family && known.Size != size && size is not null && (known.DModel, known.NLayers) == (config.DModel, config.NLayers))
                return $"\"model_name\" is \"{name}\", and the model has the {config.NLayers} blocks of width {config.DModel} of {known.Family} {known.Size}";
        return null;
    }

    // gemma2 and 2b of google/gemma-2-2b-it; a brand whose version is not said may be any.
    private static (string? Family, string? Size) Parts(string name)
    {
        string own = name.ToLowerInvariant().Split('/')[^1].Split("--")[^1];
        if (Name().Match(own) is not { Success: true } match) return (null, null);
        string brand = match.Groups["brand"].Value, version = match.Groups["version"].Value;
        string? family = brand is not ("gemma" or "qwen") ? brand : version.Length > 0 ? brand + version[..1] : null;
        return (family, match.Groups["size"].Value is { Length: > 0 } size ? size : null);
    }

    [GeneratedRegex(@"(?<brand>gemma|llama|mistral|qwen)-?(?<version>\d(\.\d)?(?![\d.]*[bm]\b))?(.*?[-_](?<size>\d+(\.\d+)?[bm])\b)?", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
