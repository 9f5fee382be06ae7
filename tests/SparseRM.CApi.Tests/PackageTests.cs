using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace SparseRM.CApi.Tests;

/// <summary>Wheel and tarball, written once from the library that was published, and the tarball unpacked.</summary>
internal sealed partial class Packed(Library library) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lock _gate = new();
    private bool _made;

    internal static string Packages => Path.Combine(SharedData.Root, "src", "SparseRM.Packages");

    internal static string Version => XDocument.Load(Path.Combine(SharedData.Root, "Directory.Build.props")).Descendants("Version").Single().Value;

    /// <summary>The wheel.</summary>
    internal string Wheel => Directory.GetFiles(Made(), "*.whl").Single();

    /// <summary>The unpacked tarball.</summary>
    internal string Tarball => Path.Combine(Made(), "unpacked");

    /// <summary>The shell commands of each section of the README that stand before "Rules", by its title.</summary>
    internal static Dictionary<string, string> Sections() => Section().Matches(File.ReadAllText(Library.Bindings("README.md")).Split("## Rules")[0])
        .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);

    public void Dispose() => _folder.Dispose();

    private string Made()
    {
        lock (_gate)
        {
            if (_made) return _folder.Path;
            string python = Tool.Find("python3", "whether the packages install stays unknown");
            Library.Run(python, [Path.Combine(Packages, "pack.py"), Version, library.File, _folder.Path]).Succeeded();
            Directory.CreateDirectory(_folder.File("unpacked"));
            Library.Run("tar", ["xzf", Directory.GetFiles(_folder.Path, "*.tar.gz").Single(), "-C", _folder.File("unpacked"), "--strip-components=1"]).Succeeded();
            _made = true;
            return _folder.Path;
        }
    }

    [GeneratedRegex(@"^## ([^\n]+)\n```sh\n(.*?)```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Section();
}

/// <summary>Each package installs into an empty folder and scores there.</summary>
public class PackageTests(Library library)
{
    private readonly Packed _packed = library.Packed;
    private const string Prompt = "What is six minus three?";

    [Fact]
    public void Every_section_of_the_readme_runs_as_it_stands_from_the_tarball_alone()
    {
        var path = new Dictionary<string, string> { ["PATH"] = Tools("gcc", "g++", "as", "ld", "python3", "cat"), ["DOTNET_ROOT"] = "/nowhere" };
        using var scorer = RewardScorer.Open(Path.Combine(_packed.Tarball, "demo", "reward.safetensors"), new BackboneOptions { Model = Library.Model });
        string right = $"{scorer.Score(Prompt, "Three."):G9}\n", both = $"{right}{scorer.Score(Prompt, "Seventeen."):G9}\n";
        var sections = Packed.Sections();
        Assert.Equal(["C", "C++", "Python", "TRL"], sections.Keys);
        foreach (var (title, commands) in sections)
        {
            string code = commands[..commands.LastIndexOf("END\n", StringComparison.Ordinal)];
            Assert.True(code.Count(c => c == '\n') - 1 <= 12, $"{title} has more than twelve lines of code");
            Assert.Equal(title == "C" ? right : both, Library.Run("/bin/sh", ["-ec", commands], path, _packed.Tarball).Succeeded(), ignoreCase: true);
        }
    }

    [Fact]
    public void Pkg_config_and_CMake_find_the_library()
    {
        string cmake = Tool.Find("cmake", "whether the tarball's CMake file works stays unknown");
        string source = library.Temporary("cmake-host");
        Directory.CreateDirectory(source);
        File.Copy(Path.Combine(_packed.Tarball, "examples", "score.c"), Path.Combine(source, "score.c"), overwrite: true);
        File.WriteAllText(Path.Combine(source, "CMakeLists.txt"), """
            cmake_minimum_required(VERSION 3.20)
            project(host C)
            find_package(sparserm CONFIG REQUIRED)
            add_executable(score score.c)
            target_link_libraries(score PRIVATE sparserm::sparserm)
            """);
        Library.Run(cmake, ["-S", source, "-B", $"{source}/build", $"-DCMAKE_PREFIX_PATH={_packed.Tarball}"]).Succeeded();
        Library.Run(cmake, ["--build", $"{source}/build"]).Succeeded();
        Scores($"{source}/build/score");
        string pkgConfig = Tool.Find("pkg-config", "whether the tarball's pkg-config file works stays unknown");
        var path = new Dictionary<string, string> { ["PKG_CONFIG_PATH"] = Path.Combine(_packed.Tarball, "lib", "pkgconfig") };
        Library.Run("/bin/sh", ["-ec", $"gcc score.c $({pkgConfig} --cflags --libs sparserm) -o with-pkg-config"], path, source).Succeeded();
        Scores($"{source}/with-pkg-config");
    }

    [Fact]
    public void The_wheel_installs_into_a_fresh_environment_and_scores()
    {
        string python = Tool.Find("python3", "whether the wheel installs stays unknown"), place = library.Temporary("venv");
        Library.Run(python, ["-m", "venv", place]).Succeeded();
        Library.Run($"{place}/bin/pip", ["install", "--no-index", "--disable-pip-version-check", _packed.Wheel]).Succeeded();
        Scores($"{place}/bin/python", Library.Bindings("python", "examples", "score.py"));
        Library.Run($"{place}/bin/pip", ["check", "--disable-pip-version-check"]).Succeeded();
    }

    /// <summary>Restores from a folder with our package and from the feed, for what it depends on.</summary>
    [Fact, Trait("Category", "Slow")]
    public void The_NuGet_packages_install_into_a_program_and_score()
    {
        string feed = library.Temporary("feed"), program = library.Temporary("program");
        Directory.CreateDirectory(program);
        foreach (string id in new[] { "SparseRM", "SparseRM.Demo" }) Pack(id, feed);
        File.WriteAllText(Path.Combine(program, "program.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><ImplicitUsings>enable</ImplicitUsings></PropertyGroup>
              <ItemGroup><PackageReference Include="SparseRM.Demo" Version="{Packed.Version}" /></ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(program, "Program.cs"), """
            using SparseRM;
            using var scorer = RewardScorer.Open(args[0], new BackboneOptions { Model = Path.Combine(AppContext.BaseDirectory, "miniworld", "model") });
            System.Console.WriteLine($"{scorer.Score("What is six minus three?", "Three."):G9}");
            """);
        var environment = new Dictionary<string, string> { ["NUGET_PACKAGES"] = library.Temporary("packages") };
        Library.Run("dotnet", ["build", program, "-o", $"{program}/out", "--nologo", "-v", "q", $"-p:RestoreAdditionalProjectSources={feed}"], environment, program).Succeeded();
        Assert.Equal($"{Expected("Three."):G9}\n", Library.Run("dotnet", [$"{program}/out/program.dll", library.Reward]).Succeeded());
    }

    [Fact, Trait("Category", "Slow")]
    public void The_tool_installs_and_scores()
    {
        string artifacts = Path.Combine(SharedData.Root, "artifacts");
        if (!File.Exists(Path.Combine(artifacts, $"SparseRM.Tool.{Packed.Version}.nupkg"))) Assert.Skip("the tool package is not there; `dotnet cake --target=Pack` writes it");
        string place = library.Temporary("tool"), lines = library.Temporary("answers.jsonl");
        Library.Run("dotnet", ["tool", "install", "SparseRM.Tool", "--version", Packed.Version, "--tool-path", place, "--add-source", artifacts],
            new Dictionary<string, string> { ["NUGET_PACKAGES"] = library.Temporary("tool-packages") }).Succeeded();
        File.WriteAllText(lines, """{"prompt": "What is six minus three?", "response": "Three."}""");
        string said = Library.Run($"{place}/sparserm", ["score", "--model", Library.Model, "--reward", library.Reward, "--input", lines]).Succeeded();
        float score = System.Text.Json.JsonDocument.Parse(said).RootElement.GetProperty("score").GetSingle();
        Assert.Equal(Expected("Three."), score);
    }

    /// <summary>A folder with these programs alone, for a PATH on which there is no SDK.</summary>
    private string Tools(params IEnumerable<string> names)
    {
        string folder = library.Temporary("tools");
        Directory.CreateDirectory(folder);
        foreach (string name in names)
        {
            string found = Tool.Find(name, "whether the README's commands work stays unknown");
            // Some python3 are scripts that look for the interpreter.
            if (name == "python3") found = Library.Run(found, ["-c", "import sys; print(sys.executable)"]).Succeeded().Trim();
            File.CreateSymbolicLink(Path.Combine(folder, name), found);
        }
        return folder;
    }

    private static void Pack(string id, string feed)
    {
        string configuration = typeof(Library).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "Configuration").Value!;
        var versions = XDocument.Load(Path.Combine(SharedData.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(e => (string)e.Attribute("Include")!, e => (string)e.Attribute("Version")!);
        string source = Path.Combine(SharedData.Root, "src");
        string properties = $"configuration={configuration};version={Packed.Version};tokenizers={versions["Microsoft.ML.Tokenizers"]};"
            + $"protobuf={versions["Google.Protobuf"]};parquet={versions["ParquetSharp"]};ilgpu={versions["ILGPU"]}";
        if (id == "SparseRM.Demo") Library.Run("dotnet", ["build", $"{source}/SparseRM.Demo", "-c", configuration, "-v", "q", "--nologo"]).Succeeded();
        Library.Run("dotnet", ["pack", $"{source}/SparseRM.Facade", "-c", configuration, "--no-build", "-o", feed, "-v", "q", "--nologo",
            $"-p:NuspecFile={source}/SparseRM.Packages/{id}.nuspec", $"-p:NuspecBasePath={source}", $"-p:NuspecProperties=\"{properties}\""]).Succeeded();
    }

    private float Expected(string answer)
    {
        using var scorer = RewardScorer.Open(library.Reward, new BackboneOptions { Model = Library.Model });
        return scorer.Score(Prompt, answer);
    }

    private void Scores(string program, params IEnumerable<string> before) =>
        Assert.Equal($"{Expected("Three."):G9}\tThree.\n", Library.Run(program, [.. before, Library.Model, library.Reward, Prompt, "Three."]).Succeeded());
}
