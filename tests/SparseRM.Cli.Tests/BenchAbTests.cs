using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>Two kernels in turn: what is said of them. How fast they are is no test's affair.</summary>
public sealed class BenchAbTests
{
    private static readonly string[] s_small = ["--shape", "miniworld_mlp_up_25tok", "--dtype", "f32", "--rounds", "16", "--seconds", "1"];

    [Fact]
    public void A_kernel_with_itself_has_the_same_bits_and_is_neither_faster_nor_slower()
    {
        var json = Cli.Run(["bench", "ab", "this", "this", .. s_small, "--margin", "50", "--json"]).Json();
        Assert.Contains(json.GetProperty("verdict").GetString(), new[] { "same", "undecided" });
        Assert.True(json.GetProperty("same_bits").GetBoolean());
        Assert.Equal(json.GetProperty("a_variant").GetString(), json.GetProperty("b_variant").GetString());
        Assert.InRange(json.GetProperty("rounds").GetInt32(), 16, 64);
    }

    [Fact]
    public void Plain_loops_are_slower_and_a_build_is_taken_from_its_file()
    {
        string build = Path.Combine(AppContext.BaseDirectory, "libsparserm_kernels.so");
        string table = Cli.Run(["bench", "ab", build, "scalar", .. s_small]).Succeeded();
        Assert.Contains("verdict: slower", table);
        Assert.Contains($"{build} (", table);
        Assert.Matches(@"(?m)^B takes (\d\.\d{3}|\d\d\.\d\d|\d{3}\.\d) times A's time \([\d.]+ to ", table);
        Assert.Contains("with 99% confidence", table.Replace(" %", "%"));
    }

    /// <summary>As <c>--variant</c> says it: bad usage. What lies in files is no usage.</summary>
    [Theory]
    [InlineData(2, "B: the backend cpu has no matmul=fastest; it can run scalar", "fastest")]
    [InlineData(1, "there is no file ./none.so", "./none.so")]
    public void A_side_that_there_is_not_is_one_sentence(int code, string problem, string side) => Cli.Run(["bench", "ab", "this", side, .. s_small]).Failed(code, side, problem);

    [Fact]
    public void A_variant_that_has_no_kernel_for_the_type_is_refused()
    {
        Assert.SkipUnless(System.Runtime.Intrinsics.X86.Avx512F.IsSupported && Cli.Run("kernels", "--op", "matmul", "--backend", "cpu").Out.Contains("avx512_vnni"), "this processor has no AVX512-VNNI");
        Cli.Run(["bench", "ab", "avx512", "avx512_vnni", .. s_small]).Failed(2, "B: avx512_vnni has no kernel for ", "avx512 would run in its place");
    }

    [Fact]
    public void A_library_that_is_no_kernel_and_no_build_is_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text.so"), "no library");
        Cli.Run(["bench", "ab", "this", folder.File("text.so"), .. s_small]).Failed(1, "it is no shared library for this machine");
    }

    [Fact]
    public void Shapes_and_rows_are_listed_and_an_interrupted_run_goes_on()
    {
        using var folder = new TemporaryFolder();
        string[] asked = ["bench", "ops", "--backend", "cpu", "--axes", "matmul:rows=1,9;inputs=40;outputs=70", "--dtype", "f32", "--variant", "matmul=scalar", "--quick"];
        Assert.Equal(2, Cli.Run([.. asked, "--list", "--json"]).Json().GetProperty("shapes").GetArrayLength());
        Assert.Contains("2 rows would be timed", Cli.Run([.. asked, "--dry-run"]).Succeeded());

        string[] lines = Cli.Run([.. asked, "--format", "csv", "--resume", folder.File("rows.jsonl")]).Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("op,shape,dtype,variant,rows,runs,p50_ms", lines[0]);
        Assert.Equal(3, lines.Length);
        string[] journal = File.ReadAllLines(folder.File("rows.jsonl"));
        // As an interruption within the last line leaves it: the first row is taken over to the last digit, the second is timed again.
        File.WriteAllText(folder.File("rows.jsonl"), $"{journal[0]}\n{journal[1]}\n{journal[2][..40]}");
        var again = Cli.Run([.. asked, "--format", "csv", "--resume", folder.File("rows.jsonl"), "--trace", folder.File("trace.jsonl")]);
        Assert.Equal(lines[1], again.Succeeded().Split('\n')[1]);
        Assert.Contains("has 1 rows already", again.Error);
        var traces = File.ReadAllLines(folder.File("trace.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal([1, 9], traces.Select(trace => trace.GetProperty("workload").GetProperty("axes").GetProperty("rows").GetInt32()));
        Assert.All(traces, IsTrace);
        Assert.All(traces, trace => Assert.True(trace.GetProperty("evaluation").GetProperty("performance").GetProperty("latency_ms").GetDouble() > 0));
        Cli.Run([.. asked, "--threads", "1", "--resume", folder.File("rows.jsonl")]).Failed(1, "rows.jsonl: was begun by another run (it ", "name another file");
        Assert.StartsWith("| op | shape |", Cli.Run([.. asked, "--format", "markdown"]).Succeeded());
    }

    [Fact]
    public void Rows_that_find_no_room_are_one_sentence_and_those_before_them_are_kept()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh for ulimit");
        using var folder = new TemporaryFolder();
        string rows = folder.File("rows.jsonl");
        string[] Asked(string axis) => ["bench", "ops", "--backend", "cpu", "--axes", $"matmul:rows={axis};inputs=40;outputs=70", "--dtype", "f32", "--variant", "matmul=scalar", "--quick", "--resume", rows];
        Cli.Run(Asked("1")).Succeeded();
        string kept = File.ReadAllText(rows);
        // Room for what is there, and for the beginning of a row.
        var full = new CliInput { FileBlocks = (kept.Length + 511) / 512 };
        var stopped = Cli.Run(full, Asked("1,2"));
        Assert.Equal((1, ""), (stopped.Code, stopped.Out));
        Assert.Contains($"error: {rows}: cannot be written (the file would be larger than is allowed there); the rows that are there are kept, and the same command goes on from them", stopped.Error);
        Assert.StartsWith(kept, File.ReadAllText(rows));
        var again = Cli.Run(Asked("1,2"));
        again.Succeeded();
        Assert.Contains("has 1 rows already", again.Error);
        Assert.StartsWith(kept, File.ReadAllText(rows));
        Assert.Equal(3, File.ReadAllLines(rows).Length);
    }

    /// <summary>The fields of flashinfer_bench/data/trace.py and workload.py: those that it wants, and none that it does not know.</summary>
    private static void IsTrace(JsonElement trace)
    {
        static string[] Names(JsonElement of) => [.. of.EnumerateObject().Select(field => field.Name)];
        Assert.Equal(["definition", "workload", "solution", "evaluation"], Names(trace));
        Assert.Equal(["uuid", "axes", "inputs"], Names(trace.GetProperty("workload")));
        Assert.All(trace.GetProperty("workload").GetProperty("inputs").EnumerateObject(), input => Assert.Equal("random", input.Value.GetProperty("type").GetString()));
        var evaluation = trace.GetProperty("evaluation");
        Assert.Equal(["status", "environment", "timestamp", "log", "correctness", "performance"], Names(evaluation));
        Assert.Equal("PASSED", evaluation.GetProperty("status").GetString());
        Assert.NotEqual("", evaluation.GetProperty("environment").GetProperty("hardware").GetString());
        Assert.All(evaluation.GetProperty("environment").GetProperty("libs").EnumerateObject(), library => Assert.Equal(JsonValueKind.String, library.Value.ValueKind));
        Assert.Equal(["max_relative_error", "max_absolute_error"], Names(evaluation.GetProperty("correctness")));
        Assert.InRange(evaluation.GetProperty("correctness").GetProperty("max_absolute_error").GetDouble(), double.Epsilon, 1e-3);
        Assert.Equal(["latency_ms", "reference_latency_ms", "speedup_factor"], Names(evaluation.GetProperty("performance")));
    }
}
