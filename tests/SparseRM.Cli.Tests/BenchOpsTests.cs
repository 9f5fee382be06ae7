using System.Text.Json;

namespace SparseRM.Cli.Tests;

public sealed class BenchOpsTests
{
    private const string Shape = "miniworld_mlp_up_25tok";

    [Fact]
    public void Every_kernel_of_an_op_is_timed_and_two_runs_can_be_compared()
    {
        using var folder = new TemporaryFolder();
        var result = Cli.Run("bench", "ops", "--shape", Shape, "--quick", "--backend", "cpu", "--json");
        var rows = result.Json().GetProperty("ops").EnumerateArray().ToArray();
        var kernels = Kernels("--op", "matmul", "--backend", "cpu").Where(row => row.Supported).Select(row => row.Variant).ToArray();
        // Those that are named for an instruction have kernels for its types alone.
        Assert.Equal(
            [.. kernels.Where(name => !name.Contains('_')), .. kernels.Where(name => !name.EndsWith("vnni", StringComparison.Ordinal))],
            rows.Select(row => row.GetProperty("variant").GetString()));
        Assert.All(rows, row => Assert.Equal(row.GetProperty("gflops").GetDouble() / row.GetProperty("peak_gflops").GetDouble(), row.GetProperty("share_of_peak").GetDouble(), 1e-9));

        File.WriteAllText(folder.File("one.json"), result.Out);
        var ratios = Cli.Run("bench", "compare", folder.File("one.json"), folder.File("one.json"), "--json").Json().GetProperty("ratios");
        Assert.Equal(rows.Length, ratios.GetArrayLength());
        Assert.All(ratios.EnumerateArray(), ratio => Assert.Equal(1, ratio.GetProperty("ratio").GetDouble()));
    }

    [Fact]
    public void Compare_gives_rates_as_multiples()
    {
        using var folder = new TemporaryFolder();
        string one = Write(folder, "one.json", "gemma-2-2b", 100), two = Write(folder, "two.json", "gemma-2-2b", 250);
        string table = Cli.Run("bench", "compare", one, two).Succeeded();
        Assert.Contains("single: 1 x 512 tokens", table);
        Assert.Contains("2.500 x", table);
    }

    [Fact]
    public void Compare_says_what_else_differs()
    {
        using var folder = new TemporaryFolder();
        string one = Write(folder, "one.json", "gemma-2-2b", 100, threads: 1);
        string two = Write(folder, "two.json", "gemma-2-2b", 100, backend: "cuda:0", dtype: "f32");
        var told = Cli.Run("bench", "compare", one, two);
        Assert.Contains("1.000 x", told.Succeeded());
        Assert.Equal(
            [
                $"note: {one} has backend cpu, {two} has backend cuda:0: the ratios are of that too",
                $"note: {one} has threads 1, {two} has threads 2: the ratios are of that too",
                $"note: {one} has dtype bf16, {two} has dtype f32: the ratios are of that too",
            ],
            told.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        var differences = Cli.Run("bench", "compare", one, two, "--json").Json().GetProperty("differences");
        Assert.Equal(["backend", "threads", "dtype"], differences.EnumerateArray().Select(row => row.GetProperty("field").GetString()));
        Assert.Equal(("1", "2"), (differences[1].GetProperty("before").GetString(), differences[1].GetProperty("after").GetString()));
        Assert.Equal("", Cli.Run("bench", "compare", one, one).Error);
    }

    [Fact]
    public void Compare_refuses_what_is_not_the_same_work_or_no_result()
    {
        using var folder = new TemporaryFolder();
        string one = Write(folder, "one.json", "gemma-2-2b", 100), other = Write(folder, "two.json", "llama-3.2-1b", 100);
        Cli.Run("bench", "compare", one, other).Failed(1, "shape gemma-2-2b", "shape llama-3.2-1b", "only runs of the same work");
        File.WriteAllText(folder.File("text.json"), "nothing");
        File.WriteAllText(folder.File("else.json"), """{"kind": "fit"}""");
        File.WriteAllText(folder.File("half.json"), """{"kind": "bench", "shape": "gemma-2-2b", "blocks": 13, "tokens": 512, "batch": 1}""");
        Cli.Run("bench", "compare", one, folder.File("text.json")).Failed(1, "text.json: is not valid JSON");
        Cli.Run("bench", "compare", folder.File("else.json"), one).Failed(1, "else.json: is not a result of");
        Cli.Run("bench", "compare", one, folder.File("half.json")).Failed(1, "half.json: lacks the rates");
        Cli.Run("bench", "compare", one, folder.File("none.json")).Failed(1, "none.json");
    }

    [Fact]
    public void Kernels_lists_every_op_of_every_backend_with_one_in_use()
    {
        var rows = Kernels();
        Assert.Equal(["cpu", "reference"], rows.Select(row => row.Backend).Distinct().Order().Where(name => name is "cpu" or "reference"));
        Assert.All(rows.Where(row => row.Backend is "cpu" or "reference").GroupBy(row => (row.Backend, row.Op)),
            group => Assert.Single(group, row => row.Selected && row.Supported));
        Assert.All(Kernels("--op", "sae_encode"), row => Assert.Equal("sae_encode", row.Op));
        Assert.All(Kernels("--backend", "reference"), row => Assert.Equal(("reference", "scalar"), (row.Backend, row.Variant)));
        Assert.Contains("add_rms_norm", Cli.Run("kernels").Succeeded());
        Cli.Run("kernels", "--op", "mm").Failed(2, "--op: 'mm' is not one of embed, rms_norm");
    }

    [Fact]
    public void Doctor_tells_how_far_scores_part_between_kernels()
    {
        var json = Cli.Run("doctor", "--json").Json();
        Assert.InRange(json.GetProperty("cross_variant_measured").GetDouble(), 0, json.GetProperty("cross_variant_bound").GetDouble());
        Assert.True(json.GetProperty("within_variant_same_bits").GetBoolean());
        Assert.Equal(["bf16", "f32"], json.GetProperty("cross_variant").EnumerateArray().Select(row => row.GetProperty("dtype").GetString()));
        Assert.Contains("has the same bits of score alone and in company", Cli.Run("doctor").Succeeded());
    }

    private static (string Op, string Backend, string Variant, bool Supported, bool Selected)[] Kernels(params string[] args) =>
        [.. Cli.Run(["kernels", .. args, "--json"]).Json().GetProperty("kernels").EnumerateArray().Select(row => (
            row.GetProperty("op").GetString()!, row.GetProperty("backend").GetString()!, row.GetProperty("variant").GetString()!,
            row.GetProperty("supported").GetBoolean(), row.GetProperty("selected").GetBoolean()))];

    private static string Write(
        TemporaryFolder folder, string name, string shape, double rate, int threads = 2, string dtype = "bf16", string backend = "cpu")
    {
        object scenario = new { name = "single", what = "1 x 512 tokens", tokens_per_second = rate };
        File.WriteAllText(folder.File(name), JsonSerializer.Serialize(
            new { kind = "bench", shape, blocks = 13, tokens = 512, batch = 1, threads, dtype, backend, scenarios = new[] { scenario } }));
        return folder.File(name);
    }
}
