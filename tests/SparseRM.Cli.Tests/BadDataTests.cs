namespace SparseRM.Cli.Tests;

/// <summary>Broken data: one sentence that names file and line, nothing half-written.</summary>
public sealed class BadDataTests(FittedReward reward)
{
    private const string Good = "{\"prompt\": \"Is water wet?\", \"chosen\": \"Yes.\", \"rejected\": \"No.\"}";

    private CliResult Fit(TemporaryFolder folder, string data, params string[] more) =>
        Cli.Run(["fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--k", "2", "--data", data, "--cache", reward.Cache,
            "--output", folder.File("r.safetensors"), .. more]);

    private void RefusesData(string content, params string[] parts)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("data.jsonl"), content);
        Fit(folder, folder.File("data.jsonl")).Failed(1, ["data.jsonl", .. parts]);
        Assert.Equal(["data.jsonl"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void An_empty_file_and_an_empty_pipe_are_told_apart()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("empty.jsonl"), "");
        CliResult Score(string input) => Cli.Run("score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", input);
        Score(folder.File("empty.jsonl")).Failed(1, "empty.jsonl: holds no lines");
        Score("-").Failed(1, "-: standard input ended without a line; see whether what writes to it failed");
        Score("/dev/stdin").Failed(1, "/dev/stdin: the pipe ended without a line; see whether what writes to it failed");
    }

    [Fact]
    public void Malformed_json_on_line_812_is_named_and_can_be_skipped()
    {
        using var folder = new TemporaryFolder();
        var lines = File.ReadLines(FittedReward.Train).Take(900).ToList();
        lines[811] = lines[811][..20];
        File.WriteAllLines(folder.File("data.jsonl"), lines);
        Fit(folder, folder.File("data.jsonl")).Failed(1, "data.jsonl", "line 812");
        var skipped = Fit(folder, folder.File("data.jsonl"), "--skip-bad", "--json");
        Assert.Equal(1, skipped.Json().GetProperty("skipped_rows").GetInt32());
        Assert.Equal(899, skipped.Json().GetProperty("pairs").GetInt32());
        Assert.Contains("left out: 1; the first: ", skipped.Error);
    }

    [Fact]
    public void Malformed_json_on_line_812_of_lines_to_score()
    {
        var lines = Enumerable.Repeat("{\"ids\": [2, 7]}", 900).ToList();
        lines[811] = "{\"ids\": [2, 7";
        var result = Cli.Run(CliInput.Text(string.Join('\n', lines)), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-");
        // What was scored before it has been written.
        Assert.Equal(811, result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        (result with { Out = "" }).Failed(1, "line 812", "--skip-bad");
    }

    [Fact]
    public void Equal_answers() => RefusesData($"{Good}\n{{\"prompt\": \"Q\", \"chosen\": \"Same.\", \"rejected\": \"Same.\"}}\n", "line 2", "equal");

    [Fact]
    public void An_empty_prompt() => RefusesData($"{Good}\n{{\"prompt\": \"\", \"chosen\": \"A\", \"rejected\": \"B\"}}\n", "line 2", "prompt");

    [Fact]
    public void An_empty_answer() => RefusesData($"{Good}\n{{\"prompt\": \"Q\", \"chosen\": \"\", \"rejected\": \"B\"}}\n", "line 2", "chosen");

    [Fact]
    public void A_lone_surrogate() => RefusesData($"{Good}\n{{\"prompt\": \"Q \\ud83d\", \"chosen\": \"A\", \"rejected\": \"B\"}}\n", "line 2");

    [Fact]
    public void A_missing_column() => RefusesData("{\"question\": \"Q\", \"chosen\": \"A\"}\n");

    [Fact]
    public void An_empty_file() => RefusesData("");

    [Fact]
    public void A_file_that_is_not_there()
    {
        using var folder = new TemporaryFolder();
        Fit(folder, folder.File("none.jsonl")).Failed(1, "none.jsonl");
        Cli.Run("score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", folder.File("none.jsonl")).Failed(1, "none.jsonl");
    }

    [Fact]
    public void An_answer_that_is_longer_than_the_context()
    {
        string line = $"{{\"ids\": [{string.Join(", ", Enumerable.Repeat(7, 600))}]}}";
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-")
            .Failed(1, "line 1", "600", "512", "--truncate");
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--truncate", "left", "--input", "-").Succeeded();
    }

    [Theory]
    [InlineData("{\"ids\": [2, 2048]}", "2048")]
    [InlineData("{\"ids\": []}", "ids")]
    [InlineData("{\"text\": \"\\ud800\"}", "line 1")]
    [InlineData("{\"messages\": [{\"role\": \"pirate\", \"content\": \"Arr\"}]}", "line 1")]
    [InlineData("{\"answer\": \"4\"}", "prompt")]
    [InlineData("[1, 2]", "line 1")]
    public void Lines_to_score(string line, string part) =>
        Cli.Run(CliInput.Text(line), "score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-").Failed(1, "line 1", part);

    [Fact]
    public void Input_that_is_not_utf8()
    {
        var input = new CliInput { StandardInput = [.. "{\"text\": \"a"u8, 0xFF, 0xFE, .. "\"}\n"u8] };
        Cli.Run(input, "tokenize", "--model", FittedReward.Model, "--input", "-").Failed(1, "line 1");
    }
}
