using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>The benchmarks' shape: what they say, not how fast anything is.</summary>
public sealed class BenchTests
{
    private static readonly string[] s_small = ["bench", "--shape", "miniworld", "--tokens", "16", "--batch", "2", "--runs", "2", "--backend", "cpu"];

    [Fact]
    public void Json_has_its_keys_and_they_fit_together()
    {
        var json = Cli.Run([.. s_small, "--threads", "1,2", "--json"]).Json();
        double Number(string key) => json.GetProperty(key).GetDouble();
        Assert.Equal(("bench", "miniworld", "bf16", "cpu", "batch"), (Text(json, "kind"), Text(json, "shape"), Text(json, "dtype"), Text(json, "backend"), Text(json, "scenario")));
        Assert.Equal((5, 16, 2, 2), (Number("blocks"), Number("tokens"), Number("batch"), Number("threads")));
        Assert.Equal(Number("flops_per_token") * Number("tokens_per_second") / 1e9, Number("gflops"), Number("gflops") * 1e-9);
        Assert.Equal(Number("gflops") / Number("peak_gflops"), Number("share_of_peak"), Number("share_of_peak") * 1e-9);
        Assert.True(0 < Number("p50_ms") && Number("p50_ms") <= Number("p90_ms") && Number("p90_ms") <= Number("p99_ms"));
        Assert.True(Number("resident_bytes") > Number("model_bytes") && Number("allocated_bytes_per_token") >= 0);
        Assert.Equal(["single", "short", "batch", "group"], json.GetProperty("scenarios").EnumerateArray().Select(row => Text(row, "name")));
        Assert.Equal([1, 2], json.GetProperty("scaling").EnumerateArray().Select(row => row.GetProperty("threads").GetInt32()));
        Assert.NotEqual("", Text(json.GetProperty("machine"), "processor"));
        Assert.Contains("read_dram", json.GetProperty("peaks").EnumerateArray().Select(peak => Text(peak, "name")));
        Assert.NotEqual("", Text(json.GetProperty("variants"), "matmul"));
        Assert.Contains("counts as done", json.GetProperty("notes").ToString());
    }

    [Fact]
    public void A_chosen_kernel_runs_and_is_measured_against_its_own_peak()
    {
        var json = Cli.Run([.. s_small, "--quick", "--variant", "matmul=scalar", "--variant", "gated_matmul=scalar", "--dtype", "f32", "--json"]).Json();
        Assert.Equal(("scalar", "scalar", "f32"), (Text(json.GetProperty("variants"), "matmul"), Text(json.GetProperty("variants"), "gated_matmul"), Text(json, "dtype")));
        var own = json.GetProperty("peaks").EnumerateArray().Single(peak => Text(peak, "name") == "f32_scalar");
        Assert.Equal(own.GetProperty("gflops").GetDouble(), json.GetProperty("peak_gflops").GetDouble());
    }

    [Fact]
    public void A_plot_is_a_page_or_a_picture()
    {
        using var folder = new TemporaryFolder();
        string table = Cli.Run([.. s_small, "--quick", "--plot", folder.File("roof.html")]).Succeeded();
        Assert.Contains("2 x 16 tokens", table);
        string page = File.ReadAllText(folder.File("roof.html"));
        Assert.StartsWith("<!DOCTYPE html>", page);
        Assert.Contains("<svg", page);
        Assert.Contains("<td>miniworld_attention_25tok</td>", page);
        Cli.Run([.. s_small, "--quick", "--plot", folder.File("roof.png")]).Succeeded();
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(folder.File("roof.png"))[..4]);
    }

    [Fact]
    public void A_folder_runs_with_its_own_weights_to_the_layer_that_is_asked_for()
    {
        var json = Cli.Run("bench", "--model", FittedReward.Model, "--layer", "1", "--tokens", "8", "--batch", "1", "--quick", "--runs", "1", "--json").Json();
        Assert.Equal((2, FittedReward.Model), (json.GetProperty("blocks").GetInt32(), Text(json, "shape")));
    }

    [Theory]
    [InlineData("--shape gpt", "'gpt' is not one of gemma-2-2b, gemma-2-9b, llama-3.1-8b, llama-3.2-1b, qwen2.5-1.5b, miniworld")]
    [InlineData("--blocks 27", "gemma-2-2b has 26 blocks; 27 cannot be run")]
    [InlineData("--tokens 0", "--tokens: '0' is not a whole number from 1")]
    [InlineData("--tokens 9000", "reads at most 8192 tokens")]
    [InlineData("--threads 0", "0 is not a number of threads")]
    [InlineData("--threads two", "'two' is not a whole number")]
    [InlineData("--layer 3 --blocks 4", "give one of them")]
    [InlineData("--shape miniworld --model here", "exclude each other")]
    [InlineData("--model here", "--layer or --blocks")]
    [InlineData("--plot roof.gif", "neither .html nor .png")]
    [InlineData("--variant matmul", "'matmul' is not of the form op=name")]
    [InlineData("--variant mm=avx2", "there is no op 'mm'; there are embed")]
    [InlineData("--variant matmul=avx2 --variant matmul=avx2", "matmul is given twice")]
    [InlineData("--variant matmul=fastest --backend cpu", "has no matmul=fastest; it can run scalar")]
    [InlineData("ops --shape gpt", "'gpt' is not one of gemma2_2b_mlp_up_512tok")]
    [InlineData("ops --op attention --shape miniworld_mlp_up_25tok", "it has gemma2_2b_attention_512tok")]
    [InlineData("compare one.json", "compare")]
    [InlineData("serve --seconds 1e300", "--seconds: '1e300' is not a number above 0, up to 86400")]
    [InlineData("serve --minutes 1e300", "--minutes: '1e300' is not a number above 0, up to 1440")]
    [InlineData("ab A B --limit 1e300", "--limit: '1e300' is not a number above 0, up to 86400")]
    public void Bad_usage_is_one_sentence(string args, string problem) => Cli.Run(["bench", .. args.Split(' ')]).Failed(2, problem);

    [Fact]
    public void A_plot_in_a_missing_folder_is_refused_before_the_run() =>
        Cli.Run("bench", "--shape", "gemma-2-9b", "--plot", "/nowhere/roof.png").Failed(1, "/nowhere/roof.png", "its folder does not exist");

    [Fact]
    public void Other_commands_take_a_kernel_too()
    {
        Cli.Run("demo", "--variant", "attention=fastest").Failed(2, "has no attention=fastest");
        Cli.Run(CliInput.Text("{\"ids\": [2]}"), "score", "--model", "m", "--reward", "r", "--input", "-", "--variant", "rope=fastest").Failed(2, "has no rope=fastest");
    }

    private static string Text(JsonElement json, string key) => json.GetProperty(key).GetString()!;
}
