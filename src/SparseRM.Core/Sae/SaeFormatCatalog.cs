using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae.Formats;
using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>Opens an SAE of any known format, recognised by its files.</summary>
public static class SaeFormatCatalog
{
    private const string Known = "params.npz or params.safetensors (Gemma Scope), cfg.json with sae_weights.safetensors (SAELens) or sae.safetensors (sparsify), "
        + "hyperparams.json (Llama Scope), config.json with ae.pt (dictionary_learning), layer<L>.sae.pt (Qwen Scope), or one .pt or .pth (Goodfire)";

    /// <summary>The formats' names, as in <see cref="SparseAutoencoder.Format"/>.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [GemmaScope.Name, SaeLens.Name, LlamaScope.Name, Sparsify.Name, DictionaryLearning.Name, QwenScope.Name, Goodfire.Name];

    /// <summary>Opens the SAE; matrices stay in the file, after one pass that checks them.</summary>
    /// <param name="path">The SAE's folder, a file of it, or a hub id in the local cache: see <see cref="SaeFolder.Resolve"/>.</param>
    /// <param name="mode">Which reading of Llama Scope; nothing to other formats.</param>
    /// <exception cref="ModelFormatException">No known format, or something that cannot be represented faithfully; the sentence names it.</exception>
    public static SparseAutoencoder Open(string path, LlamaScopeMode mode = LlamaScopeMode.Official)
    {
        string found = SaeFolder.Resolve(path);
        return Directory.Exists(found) ? OpenFolder(found, mode) : OpenFile(found, mode);
    }

    private static SparseAutoencoder OpenFolder(string folder, LlamaScopeMode mode)
    {
        bool Has(string name) => File.Exists(Path.Combine(folder, name));
        if (Has(LlamaScope.ConfigFile)) return LlamaScope.Open(folder, mode);
        if (Has(GemmaScope.ArraysFile)) return GemmaScope.Open(Path.Combine(folder, GemmaScope.ArraysFile));
        if (Has(GemmaScope.WeightsFile)) return GemmaScope.Open(Path.Combine(folder, GemmaScope.WeightsFile));
        if (Has(SaeLens.WeightsFile)) return OpenSaeLens(folder);
        if (Has(Sparsify.WeightsFile)) return Sparsify.Open(folder);
        if (Has(DictionaryLearning.WeightsFile)) return DictionaryLearning.Open(folder);
        string[] torch = [.. Directory.EnumerateFiles(folder).Where(file => IsTorch(file) && !IsTrainingState(file)).Order(StringComparer.Ordinal)];
        return torch.Length switch
        {
            1 => OpenTorch(torch[0]),
            0 => throw NoSae(folder),
            _ => throw new ModelFormatException(folder, $"holds {torch.Length} torch files; name the one you mean, such as {Path.GetFileName(torch[0])}"),
        };
    }

    private static ModelFormatException NoSae(string folder)
    {
        ModelFolder.RefuseAdapter(folder);
        var parts = SaeFolder.Parts(folder);
        string more = parts.Count > 8 ? $" and {parts.Count - 8} more" : "";
        return new(folder, parts.Count > 0
            ? $"holds {(parts.Count == 1 ? "an SAE" : $"{parts.Count} SAEs")} in folders below; give one of them: {string.Join(", ", parts.Take(8))}{more}"
            : $"holds no SAE of a known format; expected {Known}");
    }

    private static SparseAutoencoder OpenFile(string file, LlamaScopeMode mode)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        return Path.GetFileName(file) switch
        {
            LlamaScope.ConfigFile => LlamaScope.Open(folder, mode),
            "final.safetensors" or "pruned.safetensors" when File.Exists(Path.Combine(folder, "..", LlamaScope.ConfigFile)) => LlamaScope.Open(Path.GetFullPath(Path.Combine(folder, "..")), mode),
            SaeLens.WeightsFile or SaeLens.ConfigFile or DictionaryLearning.ConfigFile or Sparsify.WeightsFile or DictionaryLearning.WeightsFile => OpenFolder(folder, mode),
            GemmaScope.WeightsFile => GemmaScope.Open(file),
            var name when name.EndsWith(".npz", StringComparison.Ordinal) => GemmaScope.Open(file),
            var name when IsTorch(name) => OpenTorch(file),
            _ => throw new ModelFormatException(file, $"is no SAE of a known format; expected {Known}"),
        };
    }

    private static SparseAutoencoder OpenSaeLens(string folder)
    {
        if (File.Exists(Path.Combine(folder, SaeLens.ConfigFile))) return SaeLens.Open(folder);
        throw new ModelFormatException(folder, File.Exists(Path.Combine(folder, "config.json"))
            ? "is in the newer OpenMOSS format (config.json with sae_weights.safetensors), which is not supported; save it in the format of SAELens"
            : $"has {SaeLens.WeightsFile} but no {SaeLens.ConfigFile}; download it into the folder");
    }

    private static SparseAutoencoder OpenTorch(string path)
    {
        var file = TorchFile.Open(path);
        if (file.Numbers.Count > 0) throw new ModelFormatException(path, $"has entry \"{file.Numbers.Keys.First()}\", which is not a tensor and which no known format has");
        if (Goodfire.Matches(file)) return Goodfire.Open(file);
        if (QwenScope.Matches(file)) return QwenScope.Open(file);
        throw new ModelFormatException(path, $"is no SAE of a known format: it holds {string.Join(", ", file.Names.Order(StringComparer.Ordinal).Take(8))}; "
            + "Goodfire has encoder_linear and decoder_linear, Qwen Scope W_enc in layer<L>.sae.pt, dictionary_learning a config.json beside ae.pt");
    }

    /// <summary>What a trainer leaves beside its SAEs.</summary>
    private static bool IsTrainingState(string file) => s_trainingStates.Any(name => Path.GetFileName(file).StartsWith(name, StringComparison.Ordinal));

    private static readonly string[] s_trainingStates = ["optimizer", "lr_scheduler", "scheduler", "state", "rng_state"];

    private static bool IsTorch(string name) => name.EndsWith(".pt", StringComparison.Ordinal) || name.EndsWith(".pth", StringComparison.Ordinal);
}
