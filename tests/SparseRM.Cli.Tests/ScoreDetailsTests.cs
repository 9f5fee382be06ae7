using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>What <c>score</c> tells beside a score.</summary>
public sealed class ScoreDetailsTests(FittedReward reward)
{
    private const string Lines = """
        {"prompt": "What is the capital of France?", "response": "It is Paris. Surely."}
        {"prompt": "What is the capital of France?", "responses": ["It is Paris. Surely.", "Rome."]}
        """;

    private static JsonElement[] Score(string path, params string[] more) =>
        Cli.Run(CliInput.Text(Lines), ["score", "--model", FittedReward.Model, "--reward", path, "--input", "-", .. more]).JsonLines();

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(number => number.GetDouble())];

    [Fact]
    public void Each_token_of_the_answer_has_a_score_and_the_last_is_the_answers()
    {
        var plain = Score(reward.Path);
        var tokens = Score(reward.Path, "--per-token");
        var (scores, positions) = (tokens[0].GetProperty("token_scores"), Numbers(tokens[0].GetProperty("token_positions")));
        Assert.Equal(plain[0].GetProperty("score").GetRawText(), tokens[0].GetProperty("score").GetRawText());
        Assert.Equal(plain[0].GetProperty("score").GetRawText(), scores[scores.GetArrayLength() - 1].GetRawText());
        Assert.Equal(scores.GetArrayLength(), positions.Length);
        Assert.Equal(Enumerable.Range(0, positions.Length).Select(i => positions[0] + i), positions);
        Assert.Equal(2, tokens[1].GetProperty("token_scores").GetArrayLength());
        Assert.Equal(scores.GetRawText(), tokens[1].GetProperty("token_scores")[0].GetRawText());

        var sentences = Score(reward.Path, "--per-token", "sentence")[0];
        double[] ends = Numbers(sentences.GetProperty("token_positions"));
        Assert.InRange(ends.Length, 2, positions.Length - 1);
        Assert.Equal(ends.Select(end => Numbers(scores)[Array.IndexOf(positions, end)]), Numbers(sentences.GetProperty("token_scores")));
    }

    [Fact]
    public void Several_heads_give_doubt_novelty_and_aggregates()
    {
        var mean = Score(reward.Ensemble, "--doubt", "--novelty");
        var (score, doubt) = (mean[0].GetProperty("score").GetDouble(), mean[0].GetProperty("score_std").GetDouble());
        Assert.True(doubt > 0);
        Assert.InRange(mean[0].GetProperty("novelty").GetDouble(), 0, 1);
        Assert.Equal(doubt, mean[1].GetProperty("score_stds")[0].GetDouble());
        Assert.Equal(2, mean[1].GetProperty("novelties").GetArrayLength());
        Assert.Equal(score - 2 * doubt, Score(reward.Ensemble, "--aggregate", "mean-minus:2")[0].GetProperty("score").GetDouble(), 1e-5);
        Assert.True(Score(reward.Ensemble, "--aggregate", "min")[0].GetProperty("score").GetDouble() < score);
    }

    [Fact]
    public void Shares_and_their_remainder_add_up_to_the_score()
    {
        var line = Score(reward.Path, "--explain", "--top", "2")[0];
        var explanation = line.GetProperty("explanation");
        Assert.Equal(2, explanation.GetProperty("directions").GetArrayLength());
        Assert.Equal(line.GetProperty("score").GetDouble(), Sum(explanation), 1e-4);
        Assert.Equal(line.GetProperty("score").GetRawText(), Score(reward.Path)[0].GetProperty("score").GetRawText());
    }

    [Fact]
    public void Components_have_their_scores_and_explanations()
    {
        var lines = Score(reward.Combined, "--explain", "--top", "1");
        var (one, three) = (Score(reward.Path)[0].GetProperty("score").GetDouble(), Score(reward.Ensemble)[0].GetProperty("score").GetDouble());
        var components = lines[0].GetProperty("components");
        Assert.Equal((one, three), (components.GetProperty("one").GetDouble(), components.GetProperty("three").GetDouble()));
        Assert.Equal(one - 0.5 * three, lines[0].GetProperty("score").GetDouble(), 1e-5);
        var explanations = lines[0].GetProperty("explanations");
        Assert.Equal(one, Sum(explanations.GetProperty("one")), 1e-4);
        Assert.Equal(three, Sum(explanations.GetProperty("three")), 1e-4);
        Assert.Equal(components.GetRawText(), lines[1].GetProperty("components")[0].GetRawText());
        Assert.Equal(explanations.GetRawText(), lines[1].GetProperty("explanations")[0].GetRawText());
    }

    [Theory]
    [InlineData("--top", "--top", "3")]
    [InlineData("--doubt", "--doubt")]
    [InlineData("--aggregate", "--aggregate", "mean-minus:1")]
    [InlineData("--aggregate", "--aggregate", "median")]
    [InlineData("--per-token", "--per-token", "word")]
    public void What_one_head_cannot_tell_is_bad_usage(string part, params string[] more) =>
        Cli.Run(CliInput.Text(Lines), ["score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-", .. more]).Failed(2, part);

    [Fact]
    public void The_mean_alone_is_explained() =>
        Cli.Run(CliInput.Text(Lines), "score", "--model", FittedReward.Model, "--reward", reward.Ensemble, "--input", "-", "--explain", "--aggregate", "min").Failed(2, "--explain", "min");

    [Fact]
    public void Fit_tells_the_accuracy_of_each_head_and_inspect_what_the_file_holds()
    {
        var fit = reward.EnsembleFit.Json();
        Assert.Equal((3, 3), (fit.GetProperty("heads").GetInt32(), fit.GetProperty("head_accuracies").GetArrayLength()));
        Assert.All(fit.GetProperty("head_accuracies").EnumerateArray(), head => Assert.InRange(head.GetProperty("held_out_accuracy").GetDouble(), 0.5, 1));
        var file = Cli.Run("inspect", reward.Ensemble, "--json").Json();
        Assert.Equal(("2", 3), (file.GetProperty("format_version").GetString(), file.GetProperty("heads").GetInt32()));
        Assert.Equal(64, file.GetProperty("checksum").GetString()!.Length);
        Assert.True(file.GetProperty("probe_inputs").GetInt32() > 0);
        Assert.Equal("held-out", file.GetProperty("novelty_calibration").GetString());
        var combined = Cli.Run("inspect", reward.Combined, "--json").Json().GetProperty("components").EnumerateArray().ToArray();
        Assert.Equal([("one", 1, 1), ("three", -0.5, 3)],
            combined.Select(part => (part.GetProperty("name").GetString()!, part.GetProperty("weight").GetDouble(), part.GetProperty("heads").GetInt32())));
    }

    [Theory]
    [InlineData("NAME=FILE", "alone.safetensors")]
    [InlineData("weight", "a=alone.safetensors:heavy")]
    public void Combine_refuses_what_is_no_component(string part, string component) =>
        Cli.Run("combine", "--component", component, "--output", "/nowhere/r.safetensors").Failed(2, part);

    private static double Sum(JsonElement explanation) => explanation.GetProperty("mean_score").GetDouble() + explanation.GetProperty("remainder").GetDouble()
        + explanation.GetProperty("directions").EnumerateArray().Sum(direction => direction.GetProperty("share").GetDouble());
}
