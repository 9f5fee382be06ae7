namespace SparseRM.Cli.Tests;

public sealed class InspectTests(FittedReward reward)
{
    [Fact]
    public void Recognises_a_model()
    {
        var json = Cli.Run("inspect", FittedReward.Model, "--json").Json();
        Assert.Equal(("model", "gemma2", 6),
            (json.GetProperty("kind").GetString(), json.GetProperty("family").GetString(), json.GetProperty("n_layers").GetInt32()));
        Assert.Equal("0 to 5", json.GetProperty("usable_layers").GetString());
    }

    [Theory]
    [InlineData("gemma-scope/layer_2/width_1k/average_l0_9", "gemma-scope")]
    [InlineData("saelens-topk", "saelens")]
    [InlineData("llama-scope", "llama-scope")]
    [InlineData("dictionary-learning-topk/trainer_0", "dictionary-learning")]
    public void Recognises_an_SAE_by_its_files(string path, string format)
    {
        string folder = SharedData.Shipped(["goldens", "saes", .. path.Split('/')]);
        var json = Cli.Run("inspect", folder, "--json").Json();
        Assert.Equal(("sae", format), (json.GetProperty("kind").GetString(), json.GetProperty("format").GetString()));
        Assert.Equal(2, json.GetProperty("layer").GetInt32());
    }

    [Fact]
    public void Recognises_a_reward_file()
    {
        var json = Cli.Run("inspect", reward.Path, "--json").Json();
        Assert.Equal(("reward", 4, 8), (json.GetProperty("kind").GetString(), json.GetProperty("layer").GetInt32(), json.GetProperty("k").GetInt32()));
        Assert.Contains("1892", Cli.Run("inspect", reward.Path).Succeeded());
    }

    [Fact]
    public void Shows_how_preference_data_is_read()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pairs.csv");
        File.WriteAllText(path, "Q;A;B;S\nq;a;b;s\n;a;b;s\n");
        Cli.Run("inspect", path).Failed(1, "pairs.csv", "the columns Q, A, B, S", "--columns");
        var json = Cli.Run("inspect", path, "--json", "--columns", "prompt=Q,chosen=A,rejected=B,system=S", "--skip-bad").Json();
        Assert.Equal(("preferences", "trl-explicit", "csv", 1, 1), (json.GetProperty("kind").GetString(), json.GetProperty("format").GetString(),
            json.GetProperty("container").GetString(), json.GetProperty("items").GetInt32(), json.GetProperty("skipped_rows").GetInt32()));
        Assert.Equal("""["system: s","user: q"]""", json.GetProperty("first_prompt").GetRawText().Replace("\n", "").Replace("    ", "").Replace("  ", ""));
        File.WriteAllText(folder.File("splits.json"), """{"train":[{"prompt":"q","chosen":"a","rejected":"b"}],"test":[{"prompt":"r","chosen":"c","rejected":"d"}]}""");
        Cli.Run("inspect", folder.File("splits.json")).Failed(1, "'train', 'test'", "--split", "looked for a model");
        Assert.Equal("user: r", Cli.Run("inspect", folder.File("splits.json"), "--split", "test", "--json").Json().GetProperty("first_prompt")[0].GetString());
    }

    [Fact]
    public void Preference_data_is_known_in_a_folder_and_under_any_name()
    {
        using var folder = new TemporaryFolder();
        const string row = """{"prompt":"q","chosen":"a","rejected":"b"}""";
        File.WriteAllText(folder.File("my-config.json"), $"[{row}]");
        Assert.Equal("preferences", Cli.Run("inspect", folder.File("my-config.json"), "--json").Json().GetProperty("kind").GetString());
        File.WriteAllText(folder.File("train.jsonl"), row);
        File.Delete(folder.File("my-config.json"));
        Assert.Equal("preferences", Cli.Run("inspect", folder.Path, "--json").Json().GetProperty("kind").GetString());
    }

    [Fact]
    public void Says_which_layers_can_be_used_when_shards_are_missing()
    {
        using var folder = TemporaryFolder.CopyOf(FittedReward.Model);
        Shards.Split(folder.File("model.safetensors"), name => name.StartsWith("model.layers.3.", StringComparison.Ordinal));
        File.Delete(folder.File("model-00002-of-00002.safetensors"));
        Assert.Equal("0 to 2", Cli.Run("inspect", folder.Path, "--json").Json().GetProperty("usable_layers").GetString());
    }

    [Fact]
    public void Refuses_what_is_not_there() => Cli.Run("inspect", "/nowhere/at-all").Failed(1, "/nowhere/at-all");

    [Fact]
    public void Doctor_names_every_backend_with_a_reason()
    {
        var json = Cli.Run("doctor", "--json").Json();
        var backends = json.GetProperty("backends").EnumerateArray().ToDictionary(entry => entry.GetProperty("name").GetString()!, entry => entry);
        Assert.True(backends["reference"].GetProperty("available").GetBoolean());
        Assert.All(backends.Values, backend => Assert.NotEqual("", backend.GetProperty("note").GetString()));
        Assert.False(backends["cuda:0"].GetProperty("available").GetBoolean());
    }
}
