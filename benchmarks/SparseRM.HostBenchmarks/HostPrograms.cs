using System.Diagnostics;
using SparseRM.Benchmarking;
using SparseRM.Demo;

namespace SparseRM.HostBenchmarks;

/// <summary>Compiles and runs the programs of C and Python in programs/, over a library that was published.</summary>
internal static class HostPrograms
{
    private const int Starts = 15;

    /// <summary>The first call, the first score, 64 callers against one batch, and what Python costs over C.</summary>
    public static int Run(string library)
    {
        using var build = new Build(library);
        using var demo = new DemoReward(layer: 4);
        using var least = new DemoReward(layer: 0);
        string start = build.Program("start.c");
        Milliseconds("first call, no model", () => build.Run(start, build.Library), 20);
        Milliseconds("dlopen to the first score, demo model", () => build.Run(start, build.Library, MiniWorldDemo.Model, demo.Path), 150);
        Console.Write(build.Run(build.Program("callers.c"), MiniWorldDemo.Model, demo.Path, "256", "96", "5"));
        Console.Write(build.Run("python3", build.Source("overhead.py"), build.Shared("loop.c"), MiniWorldDemo.Model, least.Path));
        return 0;
    }

    /// <summary>64 callers against one batch, on any model.</summary>
    public static int Callers(string library, string model, string reward)
    {
        using var build = new Build(library);
        Console.Write(build.Run(build.Program("callers.c"), model, reward, "128", "96", "5"));
        return 0;
    }

    private static void Milliseconds(string what, Func<string> run, double bar)
    {
        run(); // the files are in the page cache then
        var times = new Timings([.. Enumerable.Range(0, Starts).Select(_ => double.Parse(run()))]);
        Console.WriteLine($"{what}: {times.Median:0.0} ms (median of {Starts} processes, {times.Quantile(0):0.0} to {times.Quantile(1):0.0}); bar {bar} ms");
    }

    /// <summary>Programs in a folder of their own.</summary>
    private sealed class Build(string library) : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-hosts-").FullName;

        public string Library { get; } = Path.GetFullPath(library);

        public string Source(string name) => Path.Combine(AppContext.BaseDirectory, "programs", name);

        public string Program(string name) => Compile(name, "", "-L", Path.GetDirectoryName(Library)!, "-lsparserm", $"-Wl,-rpath,{Path.GetDirectoryName(Library)}");

        public string Shared(string name) => Compile(name, ".so", "-shared", "-fPIC");

        public string Run(string program, params IEnumerable<string> arguments)
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
            start.Environment["SPARSERM_LIBRARY"] = Library;
            start.Environment["PYTHONPATH"] = Path.Combine(Root, "src", "SparseRM.Bindings", "python");
            using var process = Process.Start(start)!;
            string said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? said : throw new InvalidOperationException($"{program} ended with {process.ExitCode}");
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        private string Compile(string name, string ending, params IEnumerable<string> more)
        {
            string made = Path.Combine(_folder, Path.GetFileNameWithoutExtension(name) + ending);
            Run("gcc", [Source(name), "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-I", Path.Combine(Root, "src", "SparseRM.CApi", "include"), "-o", made,
                .. more, "-lpthread", "-ldl"]);
            return made;
        }

        private static string Root
        {
            get
            {
                var folder = new DirectoryInfo(AppContext.BaseDirectory);
                while (!File.Exists(Path.Combine(folder!.FullName, "SparseRM.sln"))) folder = folder.Parent;
                return folder.FullName;
            }
        }
    }
}
