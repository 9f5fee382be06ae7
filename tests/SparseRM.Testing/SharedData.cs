namespace SparseRM.Testing;

/// <summary>Finds test data: what ships in tests/data, and the team's larger set beside the repository where it is present.</summary>
public static class SharedData
{
    private static readonly string s_root = FindRoot();

    /// <summary>The repository's root folder.</summary>
    public static string Root => s_root;

    /// <summary>A path below the demo's folder: its model, SAEs and pairs.</summary>
    public static string MiniWorld(params string[] parts) => Existing(Path.Combine([s_root, "src", "SparseRM.Demo", "miniworld", .. parts]));

    /// <summary>A path below <c>tests/data</c>: ships with the repository, so it must exist.</summary>
    public static string Shipped(params string[] parts) => Existing(Path.Combine([s_root, "tests", "data", .. parts]));

    /// <summary>A path below <c>../shared/data</c>; skips the calling test, saying so, where that folder is absent.</summary>
    public static string Shared(params string[] parts)
    {
        string folder = Path.Combine(s_root, "..", "shared", "data");
        if (!Directory.Exists(folder)) Assert.Skip("the team's test data (../shared/data) is not on this machine");
        return Existing(Path.GetFullPath(Path.Combine([folder, .. parts])));
    }

    private static string Existing(string path) => Path.Exists(path) ? path : throw new FileNotFoundException($"test data is missing: {path}");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "SparseRM.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException("SparseRM.sln is not above the test assembly");
    }
}
