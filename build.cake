// Tasks for people; each only calls dotnet, cmake or a script. Run: dotnet tool restore && dotnet cake --target=Test
var target = Argument("target", "Test");
var configuration = Argument("configuration", "Release");
const string Cli = "src/SparseRM.Cli/SparseRM.Cli.csproj";

void Run(string command, string arguments)
{
    Information($"> {command} {arguments}");
    int exit = StartProcess(command, arguments);
    if (exit != 0) throw new CakeException($"{command} {arguments}: exit code {exit}");
}

Task("Native").Does(() => Run("dotnet", $"build src/SparseRM.Interop/SparseRM.Interop.csproj -c {configuration}"));

Task("Build").Does(() => Run("dotnet", $"build SparseRM.sln -c {configuration}"));

Task("Test").Does(() => Run("dotnet", "test"));

Task("Demo").Does(() => Run("dotnet", $"run --project {Cli} -- demo"));

Task("Doctor").Does(() => Run("dotnet", $"run --project {Cli} -- doctor"));

Task("Bench").Does(() => Run("dotnet", "run -c Release --project benchmarks/SparseRM.Benchmarks -- --filter *"));

Task("Lint").Does(() => Run(".ci/lint", ""));

// The C library, the wheel and the tarball, and the NuGet packages, into artifacts/.
Task("Pack").Does(() =>
{
    string version = XmlPeek("Directory.Build.props", "//Version");
    string Package(string id) => XmlPeek("Directory.Packages.props", $"//PackageVersion[@Include='{id}']/@Version");
    Run("dotnet", "publish src/SparseRM.CApi -c Release -o artifacts/capi-Release");
    Run("python3", $"src/SparseRM.Packages/pack.py {version} artifacts/capi-Release/libsparserm.so artifacts");
    foreach (string project in new[] { "Ilgpu", "Demo" }) Run("dotnet", $"build src/SparseRM.{project} -c Release -p:ContinuousIntegrationBuild=true");
    Run("dotnet", $"publish {Cli} -c Release -r linux-x64 --self-contained false -p:ContinuousIntegrationBuild=true -o artifacts/tool");
    string properties = $"configuration=Release;version={version};tokenizers={Package("Microsoft.ML.Tokenizers")};protobuf={Package("Google.Protobuf")};"
        + $"parquet={Package("ParquetSharp")};ilgpu={Package("ILGPU")}";
    string source = System.IO.Path.GetFullPath("src");
    foreach (string id in new[] { "SparseRM", "SparseRM.Ilgpu", "SparseRM.Demo", "SparseRM.Tool" })
    {
        Run("dotnet", $"pack src/SparseRM.Facade -c Release --no-build -o artifacts -p:NuspecFile={source}/SparseRM.Packages/{id}.nuspec "
            + $"-p:NuspecBasePath={source} \"-p:NuspecProperties=\\\"{properties}\\\"\"");
    }
});

// What a machine with an NVIDIA driver needs to try the CUDA kernels, without SDK or toolkit: unpack, run ./run.sh. See kernels/README.md.
Task("GpuBundle").Does(() =>
{
    const string folder = "artifacts/sparserm-gpu", program = folder + "/program", packed = "artifacts/sparserm-gpu.tar.xz";
    const long most = 20_000_000;
    if (System.IO.Directory.Exists(folder)) System.IO.Directory.Delete(folder, true);
    Run("dotnet", $"publish kernels/bundle/SparseRM.GpuBundle.csproj -c Release -r linux-x64 --self-contained -o {program}");
    // What only debuggers, plots, parquet files and the farm's silos need, and what documents; without the list of what was there the host takes what is.
    string[] left = { "libSkiaSharp.so", "libHarfBuzzSharp.so", "ParquetSharpNative.so", "createdump", "libmscordaccore.so", "libmscordbi.so", "libclrgc.so", "libclrgcexp.so",
        "libcoreclrtraceptprovider.so", "Orleans.Core.dll", "Orleans.Runtime.dll", "Orleans.Reminders.dll", "Npgsql.dll", "Newtonsoft.Json.dll", "Humanizer.dll", "StackExchange.Redis.dll" };
    string[] families = { "Orleans.Clustering", "Orleans.Persistence", "Microsoft.CodeAnalysis", "Pipelines.Sockets", "Polly" };
    foreach (string file in System.IO.Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
    {
        string name = System.IO.Path.GetFileName(file);
        if (left.Contains(name) || families.Any(name.StartsWith) || System.IO.Path.GetExtension(file) is ".xml" or ".pdb" || name.EndsWith(".deps.json")) System.IO.File.Delete(file);
    }
    // The tests look for the root of the repository and what lies below it; nothing here runs MiniWorld.
    System.IO.File.Copy("SparseRM.sln", $"{folder}/SparseRM.sln");
    System.IO.File.Copy("kernels/evidence.json", $"{folder}/evidence.json");
    foreach (string file in new[] { "run.sh", "torch_side.py" }) System.IO.File.Copy($"kernels/bundle/{file}", $"{folder}/{file}");
    CopyDirectory("tests/data/goldens/models", $"{folder}/tests/data/goldens/models");
    if (System.IO.Directory.Exists($"{program}/miniworld")) System.IO.Directory.Delete($"{program}/miniworld", true);
    Run("tar", $"-cf {packed[..^3]} -C artifacts sparserm-gpu");
    Run("xz", $"-9 -T1 -f {packed[..^3]}");
    long bytes = new System.IO.FileInfo(packed).Length;
    Information($"{packed}: {bytes / 1e6:F1} MB");
    if (bytes > most) throw new CakeException($"{packed} has {bytes} bytes, at most {most} are allowed");
});

RunTarget(target);
