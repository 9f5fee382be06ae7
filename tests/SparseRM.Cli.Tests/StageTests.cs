using SparseRM.Weights;

namespace SparseRM.Cli.Tests;

/// <summary>activations, encode, tokenize: each stage of the method by itself.</summary>
public sealed class StageTests
{
    [Theory]
    [InlineData("gemma2", "auto")]
    [InlineData("llama31", "reference")]
    public void Activations_of_ids_agree_with_transformers(string family, string backend)
    {
        using var folder = new TemporaryFolder();
        string model = SharedData.Shipped("goldens", "models", family);
        var golden = SafetensorsFile.Open(Path.Combine(model, "golden.safetensors"));
        string input = string.Join('\n', Enumerable.Range(0, 4).Select(s => $"{{\"ids\": [{string.Join(", ", golden.Take($"ids.{s}").ReadIntegers())}]}}"));
        string output = folder.File("states.safetensors");
        Cli.Run(CliInput.Text(input), "activations", "--model", model, "--layers", "0,1", "--backend", backend, "--input", "-", "--output", output).Succeeded();
        var states = SafetensorsFile.Open(output);
        Assert.Equal(8, states.Names.Count);
        foreach (string name in states.Names)
            TensorAssert.Close(golden.Take(name).ReadSingles(), states.Take(name).ReadSingles(), 2e-5, name);
    }

    [Fact]
    public void Bad_lines_are_skipped_and_counted_where_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        string lines = folder.File("lines.jsonl"), states = folder.File("states");
        File.WriteAllText(lines, "{\"ids\": [2, 7]}\n{\"ids\": [99999]}\nnot json\n{\"text\": \"a\"}\n");
        string[] activations = ["activations", "--model", FittedReward.Model, "--layers", "1", "--input", lines, "--output", states];
        Cli.Run(activations).Failed(1, "line 3", "--skip-bad");
        var skipped = Cli.Run([.. activations, "--skip-bad"]);
        skipped.Succeeded();
        Assert.Contains("bad lines of ", skipped.Error);
        Assert.Contains(": 2; the first: ", skipped.Error);
        Assert.Equal(["block.1.resid_post.0", "block.1.resid_post.3"], SafetensorsFile.Open(states).Names.Order());

        string[] tokenize = ["tokenize", "--model", FittedReward.Model, "--input", lines];
        Cli.Run(tokenize).Failed(1, "line 3", "--skip-bad");
        skipped = Cli.Run([.. tokenize, "--skip-bad"]);
        var ids = skipped.JsonLines();
        Assert.Equal([0, 1, 2], Enumerable.Range(0, 4).Where(i => ids[i].GetProperty("ids").ValueKind == System.Text.Json.JsonValueKind.Null));
        Assert.Contains("not valid JSON", ids[2].GetProperty("error").GetString());
        Assert.Contains(": 3; the first: ", skipped.Error);
    }

    [Fact]
    public void The_type_auto_is_the_weights_own()
    {
        using var folder = new TemporaryFolder();
        string model = SharedData.Shipped("goldens", "models", "qwen2"); // BF16
        var states = new Dictionary<string, byte[]>();
        foreach (string type in new[] { "auto", "bf16", "f32" })
        {
            string output = folder.File(type);
            Cli.Run(CliInput.Text("{\"ids\": [5, 6, 7]}"), "activations", "--model", model, "--layers", "1", "--dtype", type, "--input", "-", "--output", output).Succeeded();
            states[type] = File.ReadAllBytes(output);
        }
        Assert.Equal(states["bf16"], states["auto"]);
        Assert.NotEqual(states["f32"], states["auto"]);
    }

    [Fact]
    public void Every_dialogue_of_the_chat_goldens_tokenizes_to_its_text_and_ids()
    {
        using var folder = new TemporaryFolder();
        var golden = File.ReadLines(SharedData.Shipped("goldens", "chat", "gemma.jsonl")).Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement)
            .Where(row => !row.TryGetProperty("error", out _)).ToArray();
        string input = string.Join('\n', golden.Select(row => $"{{\"messages\": {row.GetProperty("messages").GetRawText()}}}")), output = folder.File("ids.jsonl");
        Cli.Run(CliInput.Text(input), "tokenize", "--model", SharedData.MiniWorld("model"), "--chat-template", "gemma", "--input", "-", "--output", output).Succeeded();
        var lines = File.ReadAllLines(output);
        Assert.Equal(golden.Length, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            var line = System.Text.Json.JsonDocument.Parse(lines[i]).RootElement;
            Assert.Equal(golden[i].GetProperty("text").GetString(), line.GetProperty("rendered").GetString());
            Assert.Equal(golden[i].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        }
    }

    [Fact]
    public void Encode_agrees_with_the_golden_dense_and_sparse()
    {
        using var folder = new TemporaryFolder();
        string sae = SharedData.Shipped("goldens", "saes", "saelens-jumprelu");
        string golden = Path.Combine(sae, "golden.safetensors"), dense = folder.File("dense.safetensors"), sparse = folder.File("sparse.safetensors");
        Cli.Run("encode", "--sae", sae, "--input", golden, "--output", dense).Succeeded();
        Cli.Run("encode", "--sae", sae, "--input", golden, "--output", sparse, "--sparse").Succeeded();
        float[] expected = SafetensorsFile.Open(golden).Take("feature_acts").ReadSingles(),
            acts = SafetensorsFile.Open(dense).Take("feature_acts").ReadSingles();
        TensorAssert.Close(expected, acts, 2e-5, "feature_acts");
        TensorAssert.Close(SafetensorsFile.Open(golden).Take("recon").ReadSingles(), SafetensorsFile.Open(dense).Take("recon").ReadSingles(), 2e-5, "recon");
        var file = SafetensorsFile.Open(sparse);
        long[] indices = file.Take("indices").ReadIntegers();
        float[] values = file.Take("values").ReadSingles(), scattered = new float[acts.Length];
        int width = (int)SafetensorsFile.Open(golden).Take("feature_acts").Shape[1];
        for (int i = 0; i < values.Length; i++) scattered[indices[i] * width + indices[values.Length + i]] = values[i];
        Assert.Equal(acts, scattered);
    }

    [Fact]
    public void Encode_reads_standard_input()
    {
        using var folder = new TemporaryFolder();
        string sae = SharedData.Shipped("goldens", "saes", "saelens-topk"), golden = Path.Combine(sae, "golden.safetensors");
        Cli.Run("encode", "--sae", sae, "--input", golden, "--output", folder.File("file")).Succeeded();
        Cli.Run(new CliInput { StandardInput = File.ReadAllBytes(golden) }, "encode", "--sae", sae, "--input", "-", "--output", folder.File("pipe")).Succeeded();
        Assert.Equal(File.ReadAllBytes(folder.File("file")), File.ReadAllBytes(folder.File("pipe")));
        Cli.Run(CliInput.Text("junk"), "encode", "--sae", sae, "--input", "-", "--output", folder.File("none")).Failed(1, "-: ");
        Assert.False(File.Exists(folder.File("none")));
    }

    [Fact]
    public void Llama_scope_has_two_readings()
    {
        using var folder = new TemporaryFolder();
        string sae = SharedData.Shipped("goldens", "saes", "llama-scope");
        foreach (var (mode, golden) in new[] { ("official", "golden.safetensors"), ("saelens", "golden.saelens-mode.safetensors") })
        {
            string output = folder.File($"{mode}.safetensors");
            Cli.Run("encode", "--sae", sae, "--llama-scope-mode", mode, "--input", Path.Combine(sae, "golden.safetensors"), "--output", output).Succeeded();
            TensorAssert.Close(SafetensorsFile.Open(Path.Combine(sae, golden)).Take("feature_acts").ReadSingles(),
                SafetensorsFile.Open(output).Take("feature_acts").ReadSingles(), 2e-5, mode);
        }
    }

    [Fact]
    public void Tokenize_renders_by_the_models_template_and_keeps_marks_in_content_text()
    {
        var line = Cli.Run(CliInput.Text("""{"messages": [{"role": "user", "content": "Hi <end_of_turn>"}]}"""), "tokenize",
            "--model", FittedReward.Model, "--input", "-").JsonLines()[0];
        Assert.Equal("<bos><start_of_turn>user\nHi <end_of_turn><end_of_turn>\n", line.GetProperty("rendered").GetString());
        int[] ids = [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal(2, ids[0]);
        // <end_of_turn> is id 6: the template's own is a token, the user's is text.
        Assert.Single(ids, id => id == 6);
    }

    [Fact]
    public void Tokenize_adds_one_bos_or_none()
    {
        int[] Ids(params string[] more) =>
            [.. Cli.Run(CliInput.Text("{\"text\": \"Paris.\"}"), ["tokenize", "--model", FittedReward.Model, "--input", "-", .. more])
            .JsonLines()[0].GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal([2, .. Ids("--no-bos")], Ids());
    }

    [Fact]
    public void Tokenize_takes_a_folder_with_a_tokenizer_alone_and_another_template()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json" })
            File.Copy(Path.Combine(FittedReward.Model, name), folder.File(name));
        var line = Cli.Run(CliInput.Text("""{"prompt": "Hi", "response": "Yes."}"""), "tokenize", "--model", folder.Path,
            "--chat-template", "none", "--input", "-").JsonLines()[0];
        Assert.Equal("Hi\nYes.", line.GetProperty("rendered").GetString());
    }
}
