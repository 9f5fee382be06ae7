namespace SparseRM.Cli.Tests;

public sealed class FitTests(FittedReward reward)
{
    [Fact]
    public void Finds_the_latents_that_tell_right_from_wrong_and_says_so_in_json()
    {
        var json = reward.Fit.Json();
        Assert.Equal(4, json.GetProperty("layer").GetInt32());
        Assert.Equal(200, json.GetProperty("pairs").GetInt32());
        Assert.Equal("projection", json.GetProperty("input").GetString());
        Assert.InRange(json.GetProperty("held_out_accuracy").GetDouble(), 0.85, 1);
        var latents = json.GetProperty("latents").EnumerateArray().ToArray();
        // The reference run's two leading latents: see the demo's README.
        Assert.Contains(latents, latent => latent.GetProperty("latent").GetInt32() == 1892 && latent.GetProperty("sign").GetInt32() == 1);
        Assert.Contains(latents, latent => latent.GetProperty("latent").GetInt32() == 1924 && latent.GetProperty("sign").GetInt32() == -1);
        Assert.True(File.Exists(reward.Path));
    }

    [Fact]
    public void Same_seed_gives_the_same_bytes_on_any_number_of_threads_with_and_without_cache()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("again.safetensors");
        Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "200", "--k", "8",
            "--no-cache", "--threads", "1", "--output", path).Succeeded();
        Assert.Equal(File.ReadAllBytes(reward.Path), File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("activations")]
    [InlineData("dense")]
    [InlineData("random")]
    public void Ablations_run_by_the_same_command(string input)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("r.safetensors");
        var json = Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "60", "--k", "4",
            "--input", input, "--loss", "bradley-terry", "--cache", reward.Cache, "--output", path, "--json").Json();
        Assert.Equal(input, json.GetProperty("input").GetString());
        Assert.Equal("bradley-terry", json.GetProperty("loss").GetString());
        Assert.Equal(input, Cli.Run("inspect", path, "--json").Json().GetProperty("input").GetString());
    }

    [Fact]
    public void Fewer_latents_than_asked_for_is_a_warning()
    {
        using var folder = new TemporaryFolder();
        var result = Cli.Run("fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "60", "--k", "500",
            "--cache", reward.Cache, "--output", folder.File("r.safetensors"));
        Assert.Contains("K = 500", result.Succeeded().Length > 0 ? result.Error : "");
        Assert.Contains("warning: ", result.Error);
    }

    [Fact]
    public void A_head_on_activations_of_a_top_k_SAE_needs_that_SAE_to_score()
    {
        using var folder = new TemporaryFolder();
        string sae = SharedData.MiniWorld("saes", "saelens-topk-layer-4"), path = folder.File("r.safetensors"), line = "{\"ids\": [2, 7, 9]}";
        Cli.Run("fit", "--model", FittedReward.Model, "--sae", sae, "--input", "activations", "--data", FittedReward.Train, "--pairs", "60", "--k", "4",
            "--cache", reward.Cache, "--output", path).Succeeded();
        string[] score = ["score", "--model", FittedReward.Model, "--reward", path, "--input", "-"];
        Cli.Run(CliInput.Text(line), score).Failed(1, "r.safetensors", "--sae");
        Cli.Run(CliInput.Text(line), [.. score, "--sae", FittedReward.Sae]).Failed(1, "r.safetensors", "saelens:", "gemma-scope:");
        Cli.Run(CliInput.Text(line), [.. score, "--sae", sae]).Succeeded();
    }

    [Fact]
    public void Reads_pairs_from_standard_input()
    {
        using var folder = new TemporaryFolder();
        string lines = string.Join('\n', File.ReadLines(FittedReward.Train).Take(40));
        Cli.Run(CliInput.Text(lines), "fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", "-", "--k", "2", "--cache", reward.Cache,
            "--output", folder.File("r.safetensors")).Succeeded();
        Assert.True(File.Exists(folder.File("r.safetensors")));
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o").Failed(2, "--input projection needs --sae");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--input", "dense").Failed(2, "--layer is needed");
        Cli.Run("fit", "--model", "m", "--data", "d").Failed(2, "--output");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--loss", "hinge").Failed(2, "--loss", "'hinge'", "bradley-terry");
        Cli.Run("fit", "--model", "m", "--data", "d", "--output", "o", "--k", "0").Failed(2, "--k", "'0'");
        Cli.Run("fit", "--model", "m", "--sae", "s", "--data", "d", "--output", "o", "--cache", "c", "--no-cache").Failed(2, "exclude");
    }
}
