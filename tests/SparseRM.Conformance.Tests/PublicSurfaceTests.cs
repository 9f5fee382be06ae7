using System.Xml.Linq;
using PublicApiGenerator;

namespace SparseRM.Conformance;

/// <summary>What a program that uses the package can name. A change of it is a decision: <c>SPARSERM_APPROVE=1</c> in the environment writes the lists anew.</summary>
public class PublicSurfaceTests
{
    private static readonly ApiGeneratorOptions s_options = new() { IncludeAssemblyAttributes = false };

    /// <summary>The assemblies of the package.</summary>
    public static TheoryData<string> Assemblies => ["SparseRM.Core", "SparseRM.Interop", "SparseRM.Facade"];

    [Theory, MemberData(nameof(Assemblies))]
    public void The_public_surface_is_the_approved_one(string assembly)
    {
        string path = Path.Combine(SharedData.Root, "tests", "data", "public", $"{assembly}.txt");
        string surface = Load(assembly).GeneratePublicApi(s_options).ReplaceLineEndings("\n").TrimEnd() + "\n";
        if (Environment.GetEnvironmentVariable("SPARSERM_APPROVE") == "1")
        {
            Assert.True(string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")), "SPARSERM_APPROVE=1 is set where CI is: what a change adds is approved by its author, who commits the lists");
            File.WriteAllText(path, surface);
            Assert.Skip($"{path} was written");
        }
        string[] approved = File.ReadAllLines(path), found = surface.TrimEnd().Split('\n');
        string Difference(string sign, IEnumerable<string> lines) => string.Concat(lines.Take(20).Select(line => $"\n{sign} {line.Trim()}"));
        Assert.True(approved.SequenceEqual(found), $"the public surface of {assembly} is not the approved one in {path}; if it is meant, run this test with SPARSERM_APPROVE=1 and commit the list"
            + Difference("-", approved.Except(found)) + Difference("+", found.Except(approved)));
    }

    /// <summary>Each type that the facade offers shows how it is used.</summary>
    [Fact]
    public void Every_public_type_of_the_facade_has_an_example()
    {
        var facade = Load("SparseRM.Facade");
        var documented = XDocument.Load(Path.ChangeExtension(facade.Location, ".xml")).Descendants("member")
            .ToDictionary(member => (string)member.Attribute("name")!, member => member.Descendants("example").Any(example => example.Value.Trim().Length > 0));
        string[] types = [.. facade.GetExportedTypes().Where(type => !type.IsNested).Select(type => type.FullName!)];
        Assert.True(types.Length >= 30, $"{types.Length} types");
        Assert.All(types, type => Assert.True(documented.GetValueOrDefault($"T:{type}"), $"{type} has no <example>"));
    }

    private static System.Reflection.Assembly Load(string name) => System.Reflection.Assembly.Load(name);
}
