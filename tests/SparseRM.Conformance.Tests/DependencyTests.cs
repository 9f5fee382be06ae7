using System.Xml.Linq;

namespace SparseRM.Conformance;

/// <summary>
/// Which project may refer to which: Core &lt;- Interop &lt;- Facade &lt;- Demo &lt;- Benchmarking &lt;- Cli, Core &lt;- Ilgpu &lt;- Cli,
/// Facade &lt;- Server &lt;- Cli, Facade &lt;- Research &lt;- Cli, Facade &lt;- Farm &lt;- Cli, and Facade &lt;- CApi. Any other arrow fails.
/// </summary>
public class DependencyTests
{
    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["SparseRM.Core"] = [],
        ["SparseRM.Interop"] = ["SparseRM.Core"],
        ["SparseRM.Ilgpu"] = ["SparseRM.Core"],
        ["SparseRM.Facade"] = ["SparseRM.Core", "SparseRM.Interop"],
        ["SparseRM.Demo"] = ["SparseRM.Facade"],
        ["SparseRM.CApi"] = ["SparseRM.Facade"],
        ["SparseRM.Benchmarking"] = ["SparseRM.Demo"],
        ["SparseRM.Server"] = ["SparseRM.Facade"],
        ["SparseRM.Research"] = ["SparseRM.Facade"],
        ["SparseRM.Farm"] = ["SparseRM.Facade"],
        ["SparseRM.Cli"] = ["SparseRM.Benchmarking", "SparseRM.Farm", "SparseRM.Ilgpu", "SparseRM.Research", "SparseRM.Server"],
    };

    private static IEnumerable<string> Projects => Directory.EnumerateFiles(Path.Combine(SharedData.Root, "src"), "*.csproj", SearchOption.AllDirectories);

    [Fact]
    public void Projects_refer_only_along_the_arrows()
    {
        foreach (string path in Projects)
        {
            string name = Path.GetFileNameWithoutExtension(path);
            Assert.True(s_allowed.TryGetValue(name, out var allowed), $"{name} is new: say here what it may refer to");
            var referred = XDocument.Load(path).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));
            Assert.All(referred, other => Assert.Contains(other, allowed));
        }
    }

    [Fact]
    public void Only_Interop_and_CApi_are_unsafe()
    {
        foreach (string path in Projects)
        {
            bool isUnsafe = XDocument.Load(path).Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true");
            Assert.Equal(Path.GetFileNameWithoutExtension(path) is "SparseRM.Interop" or "SparseRM.CApi", isUnsafe);
        }
    }

    [Fact]
    public void Kernels_include_nothing_of_dotnet_and_only_the_abi_includes_the_registry()
    {
        string source = Path.Combine(SharedData.Root, "native", "src");
        foreach (string path in Directory.EnumerateFiles(Path.Combine(source, "cpu"), "*", SearchOption.AllDirectories))
            Assert.DoesNotContain("registry.h", File.ReadAllText(path));
    }
}
