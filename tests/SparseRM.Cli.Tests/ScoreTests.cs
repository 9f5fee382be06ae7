using System.Globalization;
using System.Text.Json;

namespace SparseRM.Cli.Tests;

public sealed class ScoreTests(FittedReward reward)
{
    private const string Lines = """
        {"id": 7, "prompt": "What is the capital of France?", "response": "Paris."}
        {"prompt": "What is the capital of France?", "responses": ["Paris.", "Rome."], "note": "näh 🙂"}
        {"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]}

        {"text": "<bos><start_of_turn>user\nWhat is the capital of France?<end_of_turn>\n<start_of_turn>model\nParis.<end_of_turn>\n"}
        """;

    private string[] Args(params string[] more) => ["score", "--model", FittedReward.Model, "--reward", reward.Path, .. more];

    [Fact]
    public void Gives_the_same_lines_in_the_same_order_with_scores_that_agree_whatever_the_form()
    {
        string output = Cli.Run(CliInput.Text(Lines), Args("--input", "-")).Succeeded();
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("{\"id\": 7, \"prompt\": \"What is the capital of France?\", \"response\": \"Paris.\", \"score\": ", lines[0]);
        Assert.Contains("näh 🙂", lines[1]);
        var objects = lines.Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        string score = objects[0].GetProperty("score").GetRawText();
        Assert.Equal(score, objects[1].GetProperty("scores")[0].GetRawText());
        Assert.Equal(score, objects[2].GetProperty("score").GetRawText());
        Assert.Equal(score, objects[3].GetProperty("score").GetRawText());
        Assert.Equal(score, float.Parse(score, CultureInfo.InvariantCulture).ToString("R", CultureInfo.InvariantCulture));
        Assert.True(objects[1].GetProperty("scores")[0].GetSingle() > objects[1].GetProperty("scores")[1].GetSingle());
    }

    [Fact]
    public void Scores_ids_that_tokenize_gave_as_it_scores_the_dialogue()
    {
        string line = Lines.Split('\n')[2];
        string ids = Cli.Run(CliInput.Text(line), "tokenize", "--model", FittedReward.Model, "--input", "-").JsonLines()[0].GetProperty("ids").GetRawText();
        var scores = Cli.Run(CliInput.Text($"{line}\n{{\"ids\": {ids}}}\n"), Args("--input", "-", "--threads", "1", "--max-batch-tokens", "8")).JsonLines();
        Assert.Equal(scores[0].GetProperty("score").GetRawText(), scores[1].GetProperty("score").GetRawText());
        var alone = Cli.Run(CliInput.Text(line), Args("--input", "-")).JsonLines();
        Assert.Equal(scores[0].GetProperty("score").GetRawText(), alone[0].GetProperty("score").GetRawText());
    }

    [Fact]
    public void Writes_a_file_when_asked_and_nothing_to_standard_output()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal("", Cli.Run(CliInput.Text(Lines), Args("--input", "-", "--output", folder.File("scored.jsonl"))).Succeeded());
        Assert.Equal(4, File.ReadLines(folder.File("scored.jsonl")).Count());
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Explains_each_answer_by_its_directions_and_tokens()
    {
        var plain = Cli.Run(CliInput.Text(Lines), Args("--input", "-")).JsonLines();
        string output = Cli.Run(CliInput.Text(Lines), Args("--input", "-", "--explain")).Succeeded();
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(plain[0].GetProperty("score").GetRawText(), lines[0].GetProperty("score").GetRawText());
        Assert.Equal(plain[1].GetProperty("scores").EnumerateArray().Select(score => score.GetRawText()),
            lines[1].GetProperty("scores").EnumerateArray().Select(score => score.GetRawText()));
        Assert.False(lines[1].TryGetProperty("explanation", out _));
        Assert.Equal(2, lines[1].GetProperty("explanations").GetArrayLength());
        var explanation = lines[0].GetProperty("explanation");
        // The same answer in each of its four forms.
        foreach (var same in new[] { lines[1].GetProperty("explanations")[0], lines[2].GetProperty("explanation"), lines[3].GetProperty("explanation") })
            Assert.Equal(explanation.GetRawText(), same.GetRawText());

        var directions = explanation.GetProperty("directions").EnumerateArray().ToArray();
        Assert.Equal(8, directions.Length);
        double[] sizes = [.. directions.Select(direction => Math.Abs(direction.GetProperty("share").GetDouble()))];
        Assert.Equal(sizes.OrderDescending(), sizes);
        var latents = Cli.Run("inspect", reward.Path, "--json").Json().GetProperty("latents").EnumerateArray()
            .ToDictionary(latent => latent.GetProperty("latent").GetInt32(), latent => latent.GetProperty("sign").GetInt32());
        Assert.All(directions, direction => Assert.Equal(
            latents[direction.GetProperty("latent").GetInt32()] > 0 ? "chosen" : "rejected", direction.GetProperty("prefers").GetString()));
        Assert.All(directions, direction => Assert.Equal(5, direction.GetProperty("tokens").GetArrayLength()));
        var tokens = directions.SelectMany(direction => direction.GetProperty("tokens").EnumerateArray());
        Assert.DoesNotContain("<bos>", tokens.Select(token => token.GetProperty("text").GetString()));
        // Scored again, a line has its explanation once.
        var again = Cli.Run(CliInput.Text(output.Split('\n')[0]), Args("--input", "-", "--explain")).Succeeded();
        Assert.Equal(output.Split('\n')[0], again.TrimEnd('\n'));
    }

    public static TheoryData<string> Damages => ["gone", "empty", "garbage", "cut"];

    [Theory, MemberData(nameof(Damages))]
    public void Scores_with_the_layers_that_are_needed_although_later_ones_are_gone_or_corrupt(string damage)
    {
        using var folder = TemporaryFolder.CopyOf(FittedReward.Model);
        Shards.Split(folder.File("model.safetensors"), name => name.StartsWith("model.layers.5.", StringComparison.Ordinal));
        string later = folder.File("model-00002-of-00002.safetensors");
        if (damage == "gone") File.Delete(later);
        else if (damage == "empty") File.WriteAllBytes(later, []);
        else if (damage == "garbage") File.WriteAllBytes(later, [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 167))]);
        else File.WriteAllBytes(later, File.ReadAllBytes(later)[..^1000]);
        string[] args = ["--reward", reward.Path, "--input", "-"];
        string whole = Cli.Run(CliInput.Text(Lines), ["score", "--model", FittedReward.Model, .. args]).Succeeded();
        Assert.Equal(whole, Cli.Run(CliInput.Text(Lines), ["score", "--model", folder.Path, .. args]).Succeeded());
    }
}
