using System.Text.Json.Nodes;

namespace SparseRM.Cli.Tests;

/// <summary>Broken and hostile weight files: one sentence that names file and tensor or field, exit code 1, nothing written.</summary>
public sealed class BadWeightsTests(FittedReward reward)
{
    private const string Line = "{\"ids\": [2, 5, 9]}";

    private static CliResult Activations(string model, string output, params string[] more) =>
        Cli.Run(CliInput.Text(Line), ["activations", "--model", model, "--layers", "4", "--input", "-", "--output", output, .. more]);

    private static void RefusesModel(Action<TemporaryFolder> damage, params string[] parts)
    {
        using var model = TemporaryFolder.CopyOf(FittedReward.Model);
        using var output = new TemporaryFolder();
        damage(model);
        Activations(model.Path, output.File("states.safetensors")).Failed(1, parts);
        Assert.Empty(Directory.GetFiles(output.Path));
    }

    [Fact]
    public void A_folder_without_weights() => RefusesModel(model => File.Delete(model.File("model.safetensors")), "safetensors");

    [Fact]
    public void An_empty_safetensors() => RefusesModel(model => File.WriteAllBytes(model.File("model.safetensors"), []), "model.safetensors");

    [Fact]
    public void A_truncated_safetensors() =>
        RefusesModel(
            model => File.WriteAllBytes(model.File("model.safetensors"), File.ReadAllBytes(model.File("model.safetensors"))[..1_000_000]),
            "model.safetensors");

    [Fact]
    public void A_header_that_claims_exabytes() =>
        RefusesModel(
            model => File.WriteAllBytes(model.File("model.safetensors"), [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, (byte)'{', (byte)'}']),
            "model.safetensors");

    [Fact]
    public void A_header_of_deep_nesting() => RefusesModel(model =>
    {
        byte[] json = [.. Enumerable.Repeat((byte)'[', 200_000)];
        File.WriteAllBytes(model.File("model.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json]);
    }, "model.safetensors");

    [Fact]
    public void A_shard_that_is_needed_and_missing() => RefusesModel(model =>
    {
        Shards.Split(model.File("model.safetensors"), name => name.StartsWith("model.layers.3.", StringComparison.Ordinal));
        File.Delete(model.File("model-00002-of-00002.safetensors"));
    }, "model-00002-of-00002.safetensors");

    [Theory]
    [InlineData(0x7FC0, "NaN")]
    [InlineData(0x7F80, "Infinity")]
    [InlineData(0xFF80, "-Infinity")]
    public void A_weight_that_is_not_finite(ushort bits, string value) => RefusesModel(
        model => Shards.PoisonBf16(model.File("model.safetensors"), "model.layers.2.mlp.up_proj.weight", bits),
        "model.safetensors", "model.layers.2.mlp.up_proj.weight", $"has {value} at element 0");

    [Fact]
    public void A_hidden_state_that_is_not_finite() =>
        RefusesModel(model => Shards.InflateBf16(model.File("model.safetensors"), "model.layers.2.post_feedforward_layernorm.weight"),
            "block", "NaN or infinity");

    [Fact]
    public void A_tokenizer_of_another_model()
    {
        using var model = TemporaryFolder.CopyOf(FittedReward.Model);
        using var output = new TemporaryFolder();
        var tokenizer = JsonNode.Parse(File.ReadAllText(model.File("tokenizer.json")))!;
        var far = tokenizer["added_tokens"]![0]!.DeepClone();
        (far["id"], far["content"]) = (9999, "<far>");
        tokenizer["added_tokens"]!.AsArray().Add(far);
        File.WriteAllText(model.File("tokenizer.json"), tokenizer.ToJsonString());
        File.Delete(model.File("tokenizer.model"));
        string[] args = ["activations", "--model", model.Path, "--layers", "4", "--input", "-", "--output", output.File("states.safetensors")];
        Cli.Run(CliInput.Text("{\"text\": \"a\"}"), args).Failed(1, "9999", "2048");
        Assert.Empty(Directory.GetFiles(output.Path));
        // Ids need no tokenizer, so this one is not in the way.
        Cli.Run(CliInput.Text(Line), args).Succeeded();
    }

    [Fact]
    public void A_field_of_the_config_that_makes_another_model() => RefusesModel(model =>
        File.WriteAllText(model.File("config.json"),
            File.ReadAllText(model.File("config.json")).Replace("\"hidden_size\"", "\"partial_rotary_factor\": 0.5, \"hidden_size\"")),
        "config.json", "partial_rotary_factor");

    [Fact]
    public void A_config_that_is_not_json() => RefusesModel(model => File.WriteAllText(model.File("config.json"), "{\"model_type\": "), "config.json");

    [Fact]
    public void A_model_that_is_nowhere()
    {
        using var output = new TemporaryFolder();
        Activations("/nowhere/model", output.File("o.safetensors")).Failed(1, "/nowhere/model");
        var empty = CliInput.Text(Line) with { Environment = new() { ["HF_HUB_CACHE"] = output.Path } };
        Cli.Run(empty, "activations", "--model", "google/gemma-2-2b-it", "--layers", "4", "--input", "-", "--output", output.File("o.safetensors"))
            .Failed(1, "google/gemma-2-2b-it", output.Path, "download");
    }

    [Theory]
    [InlineData("corrupt_json", "tokenizer.json")]
    [InlineData("config_unknown", "<not_in_vocab>")]
    [InlineData("model_config", "intermediate_size")]
    [InlineData("model_config_bad_json", "config.json")]
    [InlineData("model_config_float_wrong_type", "rms_norm_eps")]
    [InlineData("model_config_hidden_act_wrong_type", "hidden_act")]
    [InlineData("model_config_kv_wrong_type", "num_key_value_heads")]
    [InlineData("model_config_layer_types_wrong_type", "gemma4")]
    public void Broken_folders_of_others(string name, string part)
    {
        string folder = SharedData.Shared("bad", "hf-configs", name);
        if (name.StartsWith("model_", StringComparison.Ordinal)) Cli.Run("inspect", folder).Failed(1, part);
        else Cli.Run(CliInput.Text("{\"text\": \"a\"}"), "tokenize", "--model", folder, "--input", "-").Failed(1, part);
    }

    [Theory]
    [InlineData("refuse-pickle-eval/layer2.sae.pt", "layer2.sae.pt")]
    [InlineData("refuse-pickle-legacy/layer2.sae.pt", "layer2.sae.pt")]
    [InlineData("refuse-pickle-system/layer2.sae.pt", "layer2.sae.pt")]
    [InlineData("refuse-transcoder", "refuse-transcoder")]
    [InlineData("refuse-unknown-architecture", "architecture")]
    [InlineData("refuse-wrong-d-sae", "d_sae")]
    [InlineData("refuse-expected-average", "expected_average_only_in")]
    public void SAEs_that_must_be_refused_execute_nothing_and_write_nothing(string path, string part)
    {
        using var folder = new TemporaryFolder();
        string sae = SharedData.Shipped(["goldens", "saes", .. path.Split('/')]),
            x = SharedData.Shipped("goldens", "saes", "saelens-topk", "golden.safetensors");
        var here = new CliInput { Folder = folder.Path };
        Cli.Run(here, "encode", "--sae", sae, "--input", x, "--output", folder.File("o.safetensors")).Failed(1, part);
        Cli.Run(here, "inspect", sae).Failed(1, part);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(sae)!, "PWNED")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(20_000)]
    public void A_truncated_npz(int length)
    {
        using var folder = new TemporaryFolder();
        string npz = folder.File("layer_4", "params.npz");
        Directory.CreateDirectory(folder.File("layer_4"));
        File.WriteAllBytes(npz, File.ReadAllBytes(Path.Combine(FittedReward.Sae, "params.npz"))[..length]);
        RefusesSae(npz, folder, "params.npz");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300)]
    public void A_truncated_pt(int length)
    {
        using var folder = new TemporaryFolder();
        string pt = folder.File("layer2.sae.pt");
        string whole = Directory.GetFiles(SharedData.Shipped("goldens", "saes", "qwen-scope"), "*.pt", SearchOption.AllDirectories)[0];
        File.WriteAllBytes(pt, File.ReadAllBytes(whole)[..length]);
        RefusesSae(pt, folder, "layer2.sae.pt");
    }

    [Fact]
    public void An_SAE_of_another_width()
    {
        using var folder = new TemporaryFolder();
        RefusesSae(SharedData.Shipped("goldens", "saes", "saelens-topk"), folder, "saelens-topk", "64", "192");
    }

    [Fact]
    public void An_SAE_of_another_layer()
    {
        using var folder = new TemporaryFolder();
        RefusesSae(FittedReward.Sae, folder, ["--layer", "3"], "layer 4", "layer 3");
    }

    [Fact]
    public void States_of_another_width()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.File("x.safetensors"), ("x", [2, 3], new float[6]));
        Cli.Run("encode", "--sae", FittedReward.Sae, "--input", folder.File("x.safetensors"), "--output", folder.File("o.safetensors"))
            .Failed(1, "x.safetensors", "\"x\"", "[2, 3]", "192");
        Assert.False(File.Exists(folder.File("o.safetensors")));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void States_that_are_not_finite(float value)
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.File("x.safetensors"), ("x", [1, 192], [.. Enumerable.Repeat(1f, 191), value]));
        Cli.Run("encode", "--sae", FittedReward.Sae, "--input", folder.File("x.safetensors"), "--output", folder.File("o.safetensors"))
            .Failed(1, "x.safetensors", "\"x\"");
    }

    [Fact]
    public void A_layer_that_the_model_does_not_have()
    {
        using var folder = new TemporaryFolder();
        Cli.Run(CliInput.Text(Line), "activations", "--model", FittedReward.Model, "--layers", "0,6", "--input", "-",
            "--output", folder.File("o.safetensors")).Failed(1, "0 to 5", "6");
        Cli.Run("fit", "--model", FittedReward.Model, "--input", "dense", "--layer", "17", "--data", FittedReward.Train, "--no-cache",
            "--output", folder.File("r.safetensors")).Failed(1, "0 to 5", "17");
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void K_that_is_too_large()
    {
        using var folder = new TemporaryFolder();
        RefusesSae(FittedReward.Sae, folder, ["--k", "1025", "--pairs", "20", "--cache", reward.Cache], "1025", "2048");
    }

    [Fact]
    public void A_reward_file_of_another_model()
    {
        string line = "{\"ids\": [1, 2, 3]}";
        using var other = TemporaryFolder.CopyOf(FittedReward.Model);
        Shards.PoisonBf16(other.File("model.safetensors"), "model.layers.5.mlp.up_proj.weight");
        // Block 5 is not of the reward's business; block 0 is.
        Cli.Run(CliInput.Text(line), "score", "--model", other.Path, "--reward", reward.Path, "--input", "-").Succeeded();
        File.WriteAllText(other.File("config.json"), File.ReadAllText(other.File("config.json")).Replace("\"sliding_window\": 64", "\"sliding_window\": 32"));
        Cli.Run(CliInput.Text(line), "score", "--model", other.Path, "--reward", reward.Path, "--input", "-").Failed(1, "reward.safetensors", "model");
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--layer", "3", "--input", "-")
            .Failed(1, "layer 4", "layer 3");
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--chat-template", "chatml",
            "--input", "-").Failed(1, "chat template", "chatml");
    }

    [Fact]
    public void A_reward_file_that_is_none()
    {
        string line = "{\"ids\": [1, 2, 3]}", weights = Path.Combine(FittedReward.Model, "model.safetensors");
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", weights, "--input", "-").Failed(1, "model.safetensors", "reward");
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("cut.safetensors"), File.ReadAllBytes(reward.Path)[..^100]);
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", folder.File("cut.safetensors"), "--input", "-")
            .Failed(1, "cut.safetensors");
    }

    private static void RefusesSae(string sae, TemporaryFolder folder, params string[] parts) => RefusesSae(sae, folder, ["--no-cache"], parts);

    private static void RefusesSae(string sae, TemporaryFolder folder, string[] more, params string[] parts)
    {
        Cli.Run(["fit", "--model", FittedReward.Model, "--sae", sae, "--data", FittedReward.Train,
            "--output", folder.File("r.safetensors"), .. more]).Failed(1, parts);
        Assert.False(File.Exists(folder.File("r.safetensors")));
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
    }
}
