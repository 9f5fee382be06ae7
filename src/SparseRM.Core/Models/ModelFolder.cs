using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Models;

/// <summary>Finds the folder of a model: a path, or a hub id in the local Hugging Face cache. Nothing is downloaded.</summary>
public static class ModelFolder
{
    /// <summary>The folder that holds config.json.</summary>
    /// <param name="model">A folder, or an id such as <c>google/gemma-2-2b-it</c>.</param>
    /// <exception cref="ModelFormatException">Neither is there; the message says where was looked.</exception>
    public static string Resolve(string model)
    {
        if (Directory.Exists(model)) return Path.GetFullPath(model);
        if (File.Exists(model)) throw new ModelFormatException(model, "is a file; give the folder that holds config.json");
        string[] parts = model.Split('/');
        if (parts.Length != 2 || !Models.HubCache.IsId(parts))
            throw new ModelFormatException(model, "there is no such folder; give a model folder or a hub id such as google/gemma-2-2b-it");
        string repository = Models.HubCache.Repository(parts[0], parts[1]);
        return Models.HubCache.Snapshot(repository) ?? throw new ModelFormatException(model,
            $"is neither a folder nor in the local Hugging Face cache ({repository}); nothing is downloaded here, so run `hf download {model}` first");
    }

    /// <summary>What a model is called: the id or folder that was asked for, the repository of the cache that it lies in, the name in its config.json.</summary>
    /// <param name="model">What <see cref="Resolve"/> was given.</param>
    /// <param name="folder">What it gave.</param>
    public static IReadOnlyList<string> Names(string model, string folder)
    {
        string path = Path.Combine(folder, "config.json");
        string? written = File.Exists(path) ? JsonConfig.Open(path).Text("_name_or_path") : null;
        string[] own = [Path.TrimEndingDirectorySeparator(model), Path.GetFileName(folder), .. folder.Split(Path.DirectorySeparatorChar).Where(part => part.StartsWith("models--", StringComparison.Ordinal))];
        return [.. own.Append(written ?? "").Where(name => name.Length > 0).Distinct()];
    }

    /// <summary>Whether the folder's config.json is that of a model: it names a type or an architecture, which those of SAEs do not.</summary>
    /// <exception cref="ModelFormatException">There is a config.json that is not strict JSON.</exception>
    public static bool IsModel(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        return File.Exists(path) && JsonConfig.Open(path) is var config && (config.Contains("model_type") || config.Contains("architectures"));
    }

    /// <summary>Refuses the folder of a LoRA adapter, which Hugging Face's own loader would take for its base model and the adapter together.</summary>
    /// <exception cref="ModelFormatException">It is one; the message says how to merge it.</exception>
    internal static void RefuseAdapter(string folder)
    {
        string path = Path.Combine(folder, "adapter_config.json");
        if (!File.Exists(path)) return;
        var config = JsonConfig.Open(path);
        string kind = config.Text("peft_type") ?? "LoRA", into = config.Text("base_model_name_or_path") is { Length: > 0 } name ? $" \"{name}\"" : "";
        throw new ModelFormatException(folder, $"holds a {kind} adapter (adapter_config.json), not a model: merge it into its base model{into} with PEFT's merge_and_unload, "
            + "save that with save_pretrained, and give the merged folder (if these weights are merged, remove adapter_config.json)");
    }

    /// <summary>The local Hugging Face cache: <c>HF_HUB_CACHE</c>, else <c>HF_HOME</c>/hub, else ~/.cache/huggingface/hub. It need not exist.</summary>
    public static string HubCache() => Models.HubCache.Root();
}
