using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Weights;

namespace SparseRM.Cli.Terminal;

/// <summary>What a file or folder is, by its content.</summary>
internal enum PathKind { Unknown, Model, Sae, Reward, Tensors }

/// <summary>Tells what a path is, and which of two was meant for the other.</summary>
internal static class Recognised
{
    private static readonly string[] s_saeFiles = [.. SaeFolder.Files, "final.safetensors", "cfg.json"];

    /// <summary>What was looked for where nothing was found.</summary>
    public const string LookedFor = "a model (a folder with config.json that names model_type or architectures), an SAE (params.npz or params.safetensors, "
        + "sae_weights.safetensors with cfg.json, sae.safetensors, hyperparams.json, ae.pt, a .pt or .pth file), a reward file (safetensors that fit or combine wrote), "
        + "states and activations (safetensors that activations or encode wrote), or preference data (.jsonl, .json, .csv, .tsv or .parquet, also .gz)";

    /// <summary>What a path is; a file is known by its content, whatever its name.</summary>
    public static PathKind Of(string path)
    {
        if (Directory.Exists(path)) return OfFolder(path);
        if (!File.Exists(path)) return PathKind.Unknown;
        if (RewardModelFile.Recognises(path)) return PathKind.Reward;
        string name = Path.GetFileName(path);
        if (s_saeFiles.Contains(name) || name.EndsWith(".npz", StringComparison.Ordinal) || name.EndsWith(".pt", StringComparison.Ordinal) || name.EndsWith(".pth", StringComparison.Ordinal))
            return PathKind.Sae;
        return StateTensors.Recognises(path) ? PathKind.Tensors : PathKind.Unknown;
    }

    /// <summary>True for a folder with files of preference data, no deeper than a folder a split; a .json counts where it is called after a split.</summary>
    public static bool HoldsData(string folder)
        => Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 }).Select(file => Path.GetFileName(file).ToLowerInvariant())
            .Select(name => name.EndsWith(".gz", StringComparison.Ordinal) ? name[..^3] : name)
            .Any(name => Path.GetExtension(name) is ".jsonl" or ".ndjson" or ".csv" or ".tsv" or ".parquet" || name is "train.json" or "test.json" or "validation.json");

    /// <summary>Tells of a model, an SAE and a reward file that were given in each other's place.</summary>
    /// <param name="model">What <c>--model</c> says.</param>
    /// <param name="sae">What <c>--sae</c> says, or null.</param>
    /// <param name="reward">What <c>--reward</c> says, or null.</param>
    /// <exception cref="UsageException">One of them is another kind of thing.</exception>
    public static void RefuseSwapped(string? model, string? sae, string? reward = null)
    {
        foreach (var (option, path, expected) in new[] { ("--model", model, PathKind.Model), ("--sae", sae, PathKind.Sae), ("--reward", reward, PathKind.Reward) })
        {
            if (path is null || Of(path) is var found && (found == expected || found is PathKind.Unknown)) continue;
            bool isOther = found == PathKind.Model && model is not null && Of(model) == expected || found == PathKind.Sae && sae is not null && Of(sae) == expected;
            throw new UsageException($"{option}: {path} is {Name(found)}, not {Name(expected)}"
                + (isOther ? $"; {option} and {OptionOf(found)} are swapped" : $"; give {Name(expected)}"));
        }
    }

    private static string Name(PathKind kind) => kind switch
    {
        PathKind.Model => "a model",
        PathKind.Sae => "an SAE",
        PathKind.Reward => "a reward file",
        _ => "a file of states or activations",
    };

    private static string OptionOf(PathKind kind) => kind == PathKind.Model ? "--model" : "--sae";

    private static PathKind OfFolder(string folder)
    {
        try
        {
            if (ModelFolder.IsModel(folder)) return PathKind.Model;
        }
        catch (ModelFormatException)
        {
            return PathKind.Unknown; // a broken config.json is told by whoever opens it
        }
        return s_saeFiles.Any(file => File.Exists(Path.Combine(folder, file))) ? PathKind.Sae : PathKind.Unknown;
    }
}
