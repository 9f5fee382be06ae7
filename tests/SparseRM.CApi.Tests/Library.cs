using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using SparseRM.Data;
using SparseRM.Fitting;
using SparseRM.Scoring;

[assembly: AssemblyFixture(typeof(SparseRM.CApi.Tests.Library))]

namespace SparseRM.CApi.Tests;

/// <summary>What a finished process left.</summary>
internal sealed record Finished(int Code, string Out, string Error)
{
    /// <summary>Insists on success and gives standard output.</summary>
    public string Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}: {Error}{Out}");
        return Out;
    }
}

/// <summary>libsparserm.so, published once for all tests (some 25 s of compiling where an input changed), with a reward model; and programs that use it.</summary>
public sealed class Library : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<string> _library;
    private readonly Lazy<string> _reward;

    public Library() => (_library, _reward, Packed) = (new(Publish), new(Fit), new Packed(this));

    public static string Model => SharedData.MiniWorld("model");

    public static string Sae => SharedData.MiniWorld("saes", "gemma-scope", "layer_4", "width_2k", "average_l0_25");

    public static string Train => SharedData.MiniWorld("pairs", "truthfulness.train.jsonl");

    public static string Bindings(params string[] parts) => Path.Combine([SharedData.Root, "src", "SparseRM.Bindings", .. parts]);

    public static string Include => Path.Combine(SharedData.Root, "src", "SparseRM.CApi", "include");

    /// <summary>The library.</summary>
    public string File => _library.Value;

    /// <summary>The folder that it lies in.</summary>
    public string Folder => Path.GetDirectoryName(File)!;

    /// <summary>A reward file that was fitted through the facade.</summary>
    public string Reward => _reward.Value;

    /// <summary>A place for a test's files.</summary>
    public string Temporary(params string[] parts) => _folder.File(parts);

    /// <summary>Compiles a program of C (c) or C++ (cpp) with every warning an error; skips the calling test where there is no compiler.</summary>
    internal string Compile(string source)
    {
        bool isC = source.EndsWith(".c", StringComparison.Ordinal);
        string compiler = Tool.Find(isC ? "gcc" : "g++", $"whether {(isC ? "C" : "C++")} programs compile against the header stays unknown");
        string program = Temporary($"{Path.GetFileNameWithoutExtension(source)}-{(isC ? "c" : "cpp")}");
        // dlsym, which one program needs, is beyond pedantic C99; what is shipped is not.
        string[] strict = source.StartsWith(Bindings(), StringComparison.Ordinal) ? ["-pedantic"] : ["-D_GNU_SOURCE"];
        string[] language = [isC ? "-std=c99" : "-std=c++20", .. strict];
        Run(compiler, [.. language, "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-I", Include, "-I", Bindings("cpp"), source, "-o", program,
            "-L", Folder, "-lsparserm", $"-Wl,-rpath,{Folder}", "-lm", "-lpthread", "-ldl"]).Succeeded();
        return program;
    }

    /// <summary>Compiles and runs one of this project's programs.</summary>
    internal Finished RunProgram(string name, params string[] arguments) =>
        Run(Compile(Path.Combine(SharedData.Root, "tests", "SparseRM.CApi.Tests", "programs", name)), arguments);

    /// <summary>Runs a program to its end, two minutes at most.</summary>
    internal static Finished Run(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(600_000))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} is still running after ten minutes; it said: {error.Result}");
        }
        return new Finished(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>What is made of it to be installed.</summary>
    internal Packed Packed { get; }

    public void Dispose()
    {
        Packed.Dispose();
        _folder.Dispose();
    }

    private static string Publish()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) Assert.Skip("the library is made for Linux on x64");
        string configuration = typeof(Library).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "Configuration").Value!;
        string output = Path.Combine(SharedData.Root, "artifacts", $"capi-{configuration}");
        // MSBuild sees by itself whether an input changed; flock lets two test runs take turns.
        Directory.CreateDirectory(output);
        string project = Path.Combine(SharedData.Root, "src", "SparseRM.CApi");
        Run("flock", [Path.Combine(output, "lock"), "dotnet", "publish", project, "-c", configuration, "-o", output, "-v", "q", "--nologo"]).Succeeded();
        return Path.Combine(output, "libsparserm.so");
    }

    private string Fit()
    {
        string path = Temporary("reward.safetensors");
        using var trainer = RewardTrainer.Open(new TrainerOptions { Backbone = new BackboneOptions { Model = Model, Threads = 2 }, Sae = Sae });
        var data = PreferenceFile.Read(Train, new PreferenceReadOptions { Limit = 200 });
        var options = new FitOptions { K = 8, Training = new HeadTrainingOptions { MaxEpochs = 12, HiddenUnits = 64, Threads = 2 } };
        RewardModelFile.Save(path, trainer.Fit(trainer.ReadStates(data), options).Reward);
        return path;
    }
}
