using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae.Formats;

namespace SparseRM.Sae;

/// <summary>Finds an SAE: a path, or a hub id with the SAE's folder in the local Hugging Face cache. Nothing is downloaded.</summary>
public static class SaeFolder
{
    private const int MaxFolders = 20_000, MaxDepth = 5;

    /// <summary>Files of which one lies in the folder of an SAE, unless that is a single torch file.</summary>
    public static IReadOnlyList<string> Files { get; } =
        [GemmaScope.ArraysFile, GemmaScope.WeightsFile, SaeLens.WeightsFile, Sparsify.WeightsFile, DictionaryLearning.WeightsFile, LlamaScope.ConfigFile];

    /// <summary>The file or folder.</summary>
    /// <param name="sae">A path, or an id such as <c>google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71</c>.</param>
    /// <exception cref="ModelFormatException">Neither is there; the message says where was looked.</exception>
    public static string Resolve(string sae)
    {
        if (Path.Exists(sae)) return sae;
        string[] parts = Path.TrimEndingDirectorySeparator(sae).Split('/');
        if (!HubCache.IsId(parts)) throw new ModelFormatException(sae, "there is no such file or folder; check the path");
        string repository = HubCache.Repository(parts[0], parts[1]);
        string? snapshot = HubCache.Snapshot(repository);
        if (snapshot is not null && Path.Combine([snapshot, .. parts[2..]]) is var path && Path.Exists(path)) return path;
        string included = parts.Length > 2 ? $" --include \"{string.Join('/', parts[2..])}/*\"" : "";
        throw new ModelFormatException(sae, $"is neither a file, a folder nor in the local Hugging Face cache ({repository}); "
            + $"nothing is downloaded here, so check the path or run `hf download {parts[0]}/{parts[1]}{included}` first");
    }

    /// <summary>Folders below this one that hold an SAE each, relative to it, in order: what a user may give instead of a repository's root.</summary>
    /// <remarks>Looks a few levels down and at a bounded number of folders.</remarks>
    internal static IReadOnlyList<string> Parts(string folder)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = MaxDepth, IgnoreInaccessible = true };
        return [.. Directory.EnumerateDirectories(folder, "*", options).Take(MaxFolders)
            .Where(part => Files.Any(file => File.Exists(Path.Combine(part, file)))).Select(part => Path.GetRelativePath(folder, part)).Order(StringComparer.Ordinal)];
    }
}
