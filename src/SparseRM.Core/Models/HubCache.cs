namespace SparseRM.Models;

/// <summary>Finds repositories in the local Hugging Face cache. Nothing is downloaded.</summary>
internal static class HubCache
{
    /// <summary>The cache: <c>HF_HUB_CACHE</c>, else <c>HF_HOME</c>/hub, else ~/.cache/huggingface/hub. It need not exist.</summary>
    public static string Root()
    {
        if (Environment.GetEnvironmentVariable("HF_HUB_CACHE") is { Length: > 0 } hub) return hub;
        string home = Environment.GetEnvironmentVariable("HF_HOME") is { Length: > 0 } set ? set
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "huggingface");
        return Path.Combine(home, "hub");
    }

    /// <summary>Whether these are parts of a hub id: an owner, a name, and folders below that cannot lead out of the repository.</summary>
    public static bool IsId(ReadOnlySpan<string> parts)
    {
        foreach (string part in parts)
            if (part.Length == 0 || part.StartsWith('.') || part.AsSpan().IndexOfAny("\\:\0") >= 0) return false;
        return parts.Length >= 2;
    }

    /// <summary>Where the cache keeps a repository, there or not.</summary>
    public static string Repository(string owner, string name) => Path.Combine(Root(), $"models--{owner}--{name}");

    /// <summary>The snapshot of the main reference, or the only one; null where there is none.</summary>
    public static string? Snapshot(string repository)
    {
        string reference = Path.Combine(repository, "refs", "main"), snapshots = Path.Combine(repository, "snapshots");
        if (File.Exists(reference) && Existing(snapshots, File.ReadAllText(reference).Trim()) is { } main) return main;
        return Directory.Exists(snapshots) && Directory.EnumerateDirectories(snapshots).ToArray() is [var only] ? only : null;
    }

    private static string? Existing(string snapshots, string commit) =>
        commit.All(char.IsAsciiHexDigit) && Path.Combine(snapshots, commit) is var path && Directory.Exists(path) ? path : null;
}
