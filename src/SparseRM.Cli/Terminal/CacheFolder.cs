using System.CommandLine;

namespace SparseRM.Cli.Terminal;

/// <summary>Where hidden states are kept between runs.</summary>
internal static class CacheFolder
{
    /// <summary><c>SPARSERM_CACHE</c>, or sparserm in the user's cache folder.</summary>
    public static string Default
    {
        get
        {
            if (Environment.GetEnvironmentVariable("SPARSERM_CACHE") is { Length: > 0 } named) return named;
            if (OperatingSystem.IsWindows())
                return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "sparserm", "cache");
            string root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } set && Path.IsPathRooted(set)
                ? set
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(root, "sparserm");
        }
    }

    /// <summary>The folder that the user chose, the default, or null under <c>--no-cache</c>.</summary>
    public static string? Of(ParseResult args)
    {
        bool none = args.GetValue(CommonOptions.NoCache);
        string? named = args.GetValue(CommonOptions.Cache);
        if (none && named is not null) throw new UsageException("--cache and --no-cache exclude each other");
        return none ? null : named ?? Default;
    }
}
