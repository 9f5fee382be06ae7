using System.Text.RegularExpressions;

namespace SparseRM.Conformance.Tests;

/// <summary>README promises only what a test proves, and names only what exists.</summary>
public partial class ReadmeTests
{
    [Fact]
    public void Every_test_that_README_names_exists()
    {
        var classes = Directory.EnumerateFiles(Path.Combine(SharedData.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension).ToHashSet();
        var named = TestName().Matches(File.ReadAllText(Path.Combine(SharedData.Root, "README.md"))).Select(match => match.Groups[1].Value).ToArray();
        Assert.True(named.Length >= 15, $"README names {named.Length} tests");
        Assert.All(named, name => Assert.Contains(name, classes));
    }

    [Fact]
    public void Every_link_between_the_READMEs_leads_somewhere()
    {
        var readmes = new[] { "README.md", "src/README.md", "native/README.md", "kernels/README.md" }.Select(path => Path.Combine(SharedData.Root, path));
        var links = readmes
            .SelectMany(path => Link().Matches(File.ReadAllText(path)), (path, match) => Path.Combine(Path.GetDirectoryName(path)!, match.Groups[1].Value))
            .ToArray();
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(Path.Exists(link), $"{link} does not exist"));
    }

    [Fact]
    public void The_top_level_holds_what_the_card_names_and_nothing_else()
    {
        string[] allowed =
        [
            "SparseRM.sln", "src", "kernels", "native", "tests", "benchmarks", "build.cake", "README.md", "global.json",
            "Directory.Build.props", "Directory.Packages.props", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
        ];
        var found = Directory.EnumerateFileSystemEntries(SharedData.Root).Select(path => Path.GetFileName(path)!)
            .Where(name => !name.StartsWith('.') && name is not ("artifacts" or "TestResults" or "BenchmarkDotNet.Artifacts"));
        Assert.All(found, name => Assert.Contains(name, allowed));
    }

    [GeneratedRegex("`([A-Za-z0-9]+Tests)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\]\((?!https?:)([^)#]+)\)")]
    private static partial Regex Link();
}
