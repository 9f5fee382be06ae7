using System.Text.Json;
using SparseRM.Interop.Cuda;

namespace SparseRM.Cli.Tests;

/// <summary>The list of kernels without a driver and with the mock of one, and their benchmark.</summary>
public sealed class KernelsTests
{
    private const string Matrix = "miniworld_mlp_up_25tok";
    private static readonly CliInput s_noDriver = Driver("/nowhere/libcuda.so.1");
    private static readonly CliInput s_mock = Driver(Path.Combine(AppContext.BaseDirectory, "libsrm_mock_cuda.so"));

    private static CliInput Driver(string path) => new() { Environment = new() { [CudaBackend.DriverVariable] = path } };

    private static void RequireKernels() => Assert.SkipUnless(
        CudaBackend.HasKernels, "this build has no CUDA kernels, since neither clang-19 nor nvcc was there; apt-get install clang-19");

    [Fact]
    public void Every_backend_is_listed_with_its_kernels_be_it_here_or_not()
    {
        var json = Cli.Run(s_noDriver, "kernels", "--json").Json();
        var backends = json.GetProperty("backends").EnumerateArray().ToDictionary(row => Text(row, "name"));
        Assert.Equal(["cpu", "reference", "cuda:0", "ilgpu:cpu", "ilgpu:cuda:0", "ilgpu:opencl:0"], backends.Keys);
        Assert.False(backends["cuda:0"].GetProperty("available").GetBoolean());
        Assert.StartsWith("cuda:0: there is no NVIDIA driver: /nowhere/libcuda.so.1", Text(backends["cuda:0"], "note"));
        Assert.True(backends["cpu"].GetProperty("available").GetBoolean() && backends["ilgpu:cpu"].GetProperty("available").GetBoolean());
        var seen = json.GetProperty("kernels").EnumerateArray().First(row => Text(row, "backend") == "cuda:0" && Text(row, "variant") == "mma_sync");
        Assert.Equal("emulated", Text(seen, "evidence"));
        Assert.StartsWith("cuda:0: Mock 0", Text(seen, "seen_on"));
        Assert.True(seen.TryGetProperty("seen_date", out _) && seen.TryGetProperty("seen_commit", out _));
        var groups = Rows(json).GroupBy(row => (row.Backend, row.Op)).ToArray();
        Assert.Equal(backends.Count, groups.GroupBy(group => group.Key.Op).Select(ops => ops.Count()).Distinct().Single());
        Assert.All(groups, group =>
        {
            bool isHere = backends[group.Key.Backend].GetProperty("available").GetBoolean();
            if (isHere) Assert.Single(group, row => row.Selected && row.Supported);
            else Assert.DoesNotContain(group, row => row.Selected || row.Supported);
        });
        Assert.Equal(
            Rows(json).Where(row => row.Backend == "ilgpu:cpu").Select(row => (row.Op, row.Variant)),
            Rows(json).Where(row => row.Backend == "ilgpu:cuda:0").Select(row => (row.Op, row.Variant)));
    }

    [Fact]
    public void The_table_says_for_each_backend_what_it_is_or_why_it_is_not_here()
    {
        string[] lines = Cli.Run(s_noDriver, "kernels", "--op", "matmul").Succeeded().Split('\n');
        Assert.Contains(lines, line => line.StartsWith("cpu: "));
        Assert.Contains(lines, line => line.StartsWith("not here: cuda:0: there is no NVIDIA driver: /nowhere/libcuda.so.1"));
        Assert.Contains(lines, line => Words(line) is ["matmul", "cuda:0", "mma_sync", "no", "emulated", ['[', .., ']']]);
        Assert.Contains(lines, line => Words(line) is ["matmul", "ilgpu:cuda:0", "mma_sync", "no", "none"]);
        // On what, and since this is noted when and from which commit.
        Assert.Contains(lines, line => line.StartsWith("[1] hardware: cpu: ", StringComparison.Ordinal));
        Assert.All(lines.Where(line => line.StartsWith("  matmul")), line => Assert.InRange(Words(line).Length, 5, 9));
    }

    [Theory]
    [InlineData("cuda:0")]
    [InlineData("cuda:5")]
    [InlineData("cuda")]
    public void A_backend_that_is_not_here_is_listed_too_when_it_is_named(string name)
    {
        var json = Cli.Run(s_noDriver, "kernels", "--backend", name, "--op", "attention", "--json").Json();
        var backend = Assert.Single(json.GetProperty("backends").EnumerateArray());
        Assert.Equal((name, false), (Text(backend, "name"), backend.GetProperty("available").GetBoolean()));
        Assert.All(Rows(json), row => Assert.Equal((name, "attention", false), (row.Backend, row.Op, row.Supported)));
        Assert.Contains(Rows(json), row => row.Variant == "query_per_warp");
    }

    [Fact]
    public void A_device_that_is_here_has_kernels_in_use_and_those_that_run_only_by_name()
    {
        RequireKernels();
        var json = Cli.Run(s_mock, "kernels", "--backend", "cuda:0", "--json").Json();
        Assert.True(json.GetProperty("backends")[0].GetProperty("available").GetBoolean());
        Assert.All(Rows(json).GroupBy(row => row.Op), group => Assert.Single(group, row => row.Selected && row.Supported));
        using var backend = BackendCatalog.Open("cpu", 1);
        var cpu = Cli.Run("kernels", "--backend", "cpu", "--op", "matmul");
        Assert.Equal(
            backend.Variants(Backends.OpKind.MatMul).Where(variant => !variant.Proven).Select(variant => variant.Name),
            cpu.Succeeded().Split('\n').Where(line => line.Contains("only by name")).Select(line => Words(line)[2]));
    }

    [Theory]
    [InlineData("cuda:x", 1, "cuda:x: is no device name; use cuda or cuda:N")]
    [InlineData("ilgpu:tpu", 1, "ilgpu:tpu: is no name of an ILGPU device")]
    [InlineData("auto", 2, "'auto' is not one of cpu, reference, cuda:0, ilgpu:cpu")]
    public void A_name_that_names_no_backend_is_refused(string name, int code, string sentence) =>
        Cli.Run(s_noDriver, "kernels", "--backend", name).Failed(code, sentence);

    [Fact]
    public void Shapes_are_chosen_by_parts_of_their_names()
    {
        string[] bench = ["kernels", "bench", "--op", "matmul", "--shape"];
        var rows = Ops(Cli.Run([.. bench, "MiniWorld-25tok", "--quick", "--backend", "cpu", "--json"]));
        Assert.All(rows, row => Assert.Equal(Matrix, Text(row, "shape")));
        Assert.NotEmpty(rows);
        Cli.Run([.. bench, "gemma-3-2b"]).Failed(2, "'gemma-3-2b' is not one of gemma2_2b_mlp_up_512tok", "miniworld_sae_2k_topk32_25tok");
        Cli.Run([.. bench, "gemma-2-2b-16k"]).Failed(2, "the shape gemma-2-2b-16k is not one of matmul; it has gemma2_2b_mlp_up_512tok");
        string help = Cli.Run("kernels", "bench", "--help").Succeeded();
        Assert.Contains("gemma2_9b_mlp_down_4096tok", help);
        Assert.Contains("--shape gemma-2-2b-16k", help);
    }

    [Fact]
    public void The_CPU_accelerator_times_the_small_shapes()
    {
        var rows = Ops(Cli.Run("kernels", "bench", "--backend", "ilgpu:cpu", "--shape", "miniworld", "--quick", "--json"));
        Assert.Equal(7, rows.Select(row => Text(row, "shape")).Distinct().Count());
        Assert.All(rows, row => Assert.True(row.GetProperty("p50_ms").GetDouble() > 0 && row.GetProperty("runs").GetInt32() >= 3));
    }

    [Fact]
    public void One_variant_can_be_asked_for()
    {
        string[] bench = ["kernels", "bench", "--shape", Matrix, "--quick", "--json", "--variant"];
        Assert.Equal(["scalar", "scalar"], Ops(Cli.Run([.. bench, "matmul=scalar"])).Select(row => Text(row, "variant")));
        Cli.Run([.. bench, "matmul=fast"]).FailedInJson(2, "usage", "--variant: the backend cpu has no matmul=fast");
    }

    [Fact]
    public void A_GPU_is_timed_by_its_own_clock_against_its_nominal_peak()
    {
        RequireKernels();
        string[] bench = ["kernels", "bench", "--backend", "cuda:0", "--shape", Matrix, "--dtype", "f32", "--quick"];
        var json = Cli.Run(s_mock, [.. bench, "--json"]).Json();
        Assert.Equal("cuda:0", Text(json, "backend"));
        // One launch, a microsecond of the mock's made-up clock.
        Assert.All(json.GetProperty("ops").EnumerateArray(), row => Assert.Equal(1e-3, row.GetProperty("p50_ms").GetDouble(), 1e-6));
        Assert.Equal(["nominal"], json.GetProperty("peaks").EnumerateArray().Select(peak => Text(peak, "source")).Distinct());
        // The others have kernels for 16 bits alone.
        Assert.Equal(["tiled"], json.GetProperty("ops").EnumerateArray().Select(row => Text(row, "variant")));
        Assert.Equal(0, json.GetProperty("not_timed").GetArrayLength());
        Assert.Contains("by clock and architecture", Cli.Run(s_mock, bench).Succeeded());
    }

    [Fact]
    public void What_auto_took_and_why_is_said()
    {
        const string Why = "auto takes the processor, since no GPU kernel has run on a GPU yet";
        var bench = Cli.Run("kernels", "bench", "--shape", Matrix, "--quick", "--json");
        Assert.Equal("cpu", Text(bench.Json(), "backend"));
        Assert.Contains($"note: {Why}", bench.Error);
        Assert.DoesNotContain("auto", Cli.Run("kernels", "bench", "--shape", Matrix, "--quick", "--backend", "cpu").Error);
        string[] small = ["bench", "--shape", "miniworld", "--tokens", "8", "--runs", "1", "--quick"];
        Assert.Contains(Why, Cli.Run([.. small, "--json"]).Json().GetProperty("notes").EnumerateArray().Select(note => note.GetString()));
        Assert.DoesNotContain(Why, Cli.Run([.. small, "--backend", "cpu"]).Error);
        Assert.Contains(Why, string.Join(' ', Words(Cli.Run("score", "--help").Succeeded())));
        var doctor = Cli.Run("doctor", "--json").Json();
        Assert.Equal(("cpu", Why), (Text(doctor, "auto"), Text(doctor, "auto_reason")));
    }

    private static (string Op, string Backend, string Variant, bool Supported, bool Selected)[] Rows(JsonElement json) =>
        [.. json.GetProperty("kernels").EnumerateArray().Select(row => (
            Text(row, "op"), Text(row, "backend"), Text(row, "variant"),
            row.GetProperty("supported").GetBoolean(), row.GetProperty("selected").GetBoolean()))];

    private static JsonElement[] Ops(CliResult result) => [.. result.Json().GetProperty("ops").EnumerateArray()];

    private static string[] Words(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    private static string Text(JsonElement json, string key) => json.GetProperty(key).GetString()!;
}
