using System.Security.Cryptography;

namespace SparseRM.Core.Tests;

/// <summary>The expected values are those that their makers gave: no file of them changes, appears or goes unnoticed.</summary>
public sealed class GoldenManifestTests
{
    [Fact]
    public void Every_golden_has_the_hash_that_was_written_down()
    {
        string folder = SharedData.Shipped();
        var expected = File.ReadLines(SharedData.Shipped("SHA256SUMS")).ToDictionary(line => line[66..], line => line[..64]);
        var found = new[] { "goldens", "field", "miniworld" }
            .SelectMany(part => Directory.EnumerateFiles(Path.Combine(folder, part), "*", SearchOption.AllDirectories))
            .ToDictionary(file => Path.GetRelativePath(folder, file), file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))));
        Assert.Equal(expected.OrderBy(pair => pair.Key, StringComparer.Ordinal), found.OrderBy(pair => pair.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void The_readme_says_of_every_folder_who_computed_it()
    {
        string readme = File.ReadAllText(SharedData.Shipped("README.md"));
        var folders = Directory.GetDirectories(SharedData.Shipped("goldens")).Select(folder => $"goldens/{Path.GetFileName(folder)}").Append("miniworld").Append("field");
        Assert.All(folders, folder => Assert.Contains($"| `{folder}` |", readme));
    }
}
