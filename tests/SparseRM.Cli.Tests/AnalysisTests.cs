namespace SparseRM.Cli.Tests;

/// <summary>What a researcher looks at: <c>latents</c>, <c>map</c>, <c>reproduce paper</c>.</summary>
public sealed class AnalysisTests(FittedReward reward) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Latents_of_a_reward_file_alone_and_on_pairs()
    {
        string page = _folder.File("latents.html"), explanations = _folder.File("e.jsonl");
        File.WriteAllText(explanations, """{"modelId": "m", "layer": "4-res", "index": 1892, "description": "the truth\u001b[31m"}""");
        var json = Cli.Run("latents", reward.Path, "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", Some(FittedReward.Test, 60), "--cache", reward.Cache, "--explanations", explanations,
            "--samples", "20", "--report", page, "--json").Json();
        var first = json.GetProperty("latents")[0];
        Assert.Equal((1892, "the truth\u001b[31m", "https://www.neuronpedia.org/m/4-res/1892"), (first.GetProperty("latent").GetInt32(), first.GetProperty("explanation").GetString(), first.GetProperty("link").GetString()));
        Assert.Equal((2048, "holm", 5), (json.GetProperty("tested").GetInt32(), json.GetProperty("correction").GetString(), first.GetProperty("contexts").GetArrayLength()));
        Assert.InRange(first.GetProperty("p_adjusted").GetDouble(), 0, 1e-6);
        Assert.Contains("<mark>", File.ReadAllText(page));
        var alone = Cli.Run("latents", reward.Path, "--with", reward.Path, "--explanations", explanations);
        Assert.Contains("Latents shared with reward.safetensors: 16, of which 16 on the same side", alone.Succeeded());
        Assert.Contains("truth\\u001b", alone.Out);
        Cli.Run("latents", reward.Path, "--sae", SharedData.MiniWorld("saes", "saelens-topk-layer-4"), "--json").FailedInJson(1, "mismatch", "was fitted on the SAE", "give that SAE");
    }

    [Fact]
    public void A_map_of_the_directions_beside_the_dense_state()
    {
        string page = _folder.File("map.html");
        var json = Cli.Run("map", reward.Path, "--model", FittedReward.Model, "--data", Some(FittedReward.Test, 40), "--cache", reward.Cache, "--perplexity", "10", "--output", page, "--json").Json();
        Assert.Equal((80, 16), (json.GetProperty("points").GetArrayLength(), json.GetProperty("spaces")[0].GetProperty("dimensions").GetInt32()));
        Assert.Contains("Point at one to read it", File.ReadAllText(page));
        string none = _folder.File("none.html");
        Cli.Run("map", reward.Path, "--model", FittedReward.Model, "--data", Some(FittedReward.Test, 5), "--cache", reward.Cache, "--output", none).Failed(1, "10 answers are too few", "--perplexity");
        Assert.False(File.Exists(none));
    }

    [Fact]
    public void The_paper_s_tables_for_one_task()
    {
        string page = _folder.File("paper.html");
        string[] command = ["reproduce", "paper", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--task", $"truthfulqa={Some(FittedReward.Train, 60)},{Some(FittedReward.Test, 40)}", "--k", "4", "--hidden-units", "16",
            "--epochs", "4", "--seeds", "1", "--cache", reward.Cache];
        string shown = Cli.Run([.. command, "--report", page]).Succeeded();
        Assert.Contains("Not run: no pairs were given for SafeRLHF and Red-Teaming.", shown);
        Assert.Contains("Of the paper's orders there hold here:", shown);
        Assert.Contains("93.6 %", File.ReadAllText(page));
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run("latents").Failed(2, "--data", "reward file");
        Cli.Run("latents", "--data", "d").Failed(2, "--model and --sae");
        Cli.Run("latents", "r", "--k", "4").Failed(2, "--k");
        Cli.Run("map", "--model", "m", "--data", "d", "--output", "x.html").Failed(2, "--sae is needed");
        Cli.Run("reproduce", "paper", "--model", "m", "--sae", "s", "--task", "mmlu=x").Failed(2, "'mmlu' is no task", "SafeRLHF");
        Cli.Run("reproduce", "paper", "--model", "m", "--sae", "s", "--task", "SafeRLHF").Failed(2, "NAME=TRAIN");
        Cli.Run("reproduce", "paper", "--model", "m", "--sae", "s", "--task", "SafeRLHF=a", "--task", "saferlhf=b").Failed(2, "given twice");
    }

    private string Some(string data, int lines)
    {
        string path = _folder.File($"{lines}-{Path.GetFileName(data)}");
        File.WriteAllLines(path, File.ReadLines(data).Take(lines));
        return path;
    }
}
