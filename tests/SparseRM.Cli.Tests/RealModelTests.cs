using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>A trained model that others made, with a data set that others made.</summary>
public sealed class RealModelTests
{
    private const string Lines = """
        {"id": "a", "prompt": "Can pigs fly?", "response": "No."}
        {"id": "b", "prompt": "Can pigs fly?", "responses": ["No.", "Yes, they have wings.", "Only by plane."]}
        {"id": "c", "messages": [{"role": "user", "content": "Can pigs fly?"}, {"role": "assistant", "content": "No."}]}
        {"id": "d", "text": "Can pigs fly?\nNo."}
        {"id": "e", "ids": [1, 403, 407]}
        """;

    [Fact]
    public void Fits_on_TruthfulQA_and_scores_lines_of_every_kind()
    {
        string model = SharedData.Shared("models", "stories260k"), data = SharedData.Shared("preferences", "truthfulqa", "v1_TruthfulQA.csv");
        using var folder = new TemporaryFolder();
        string reward = folder.File("reward.safetensors");
        var fit = Cli.Run("fit", "--model", model, "--data", data, "--input", "dense", "--layer", "3", "--loss", "bradley-terry", "--chat-template", "none",
            "--pairs", "600", "--no-cache", "--output", reward, "--json").Json();
        Assert.Equal(("dense", 3, "bradley-terry", 600),
            (fit.GetProperty("input").GetString(), fit.GetProperty("layer").GetInt32(), fit.GetProperty("loss").GetString(),
                fit.GetProperty("pairs").GetInt32()));

        var scored = Cli.Run(CliInput.Text(Lines), "score", "--model", model, "--reward", reward, "--input", "-").JsonLines();
        Assert.Equal(["a", "b", "c", "d", "e"], scored.Select(line => line.GetProperty("id").GetString()));
        Assert.All(scored.SelectMany(Scores), score => Assert.True(float.IsFinite(score)));
        Assert.Equal([1, 3, 1, 1, 1], scored.Select(line => Scores(line).Length));
        // One dialogue in four forms: without a template it is the prompt, a line end and the answer.
        float[] same = [Scores(scored[0])[0], Scores(scored[1])[0], Scores(scored[2])[0], Scores(scored[3])[0]];
        Assert.Single(same.Distinct());
        Assert.Equal(4, scored.SelectMany(Scores).Distinct().Count());
    }

    private static float[] Scores(JsonElement line) => line.TryGetProperty("scores", out var many)
        ? [.. many.EnumerateArray().Select(score => score.GetSingle())]
        : [line.GetProperty("score").GetSingle()];
}
