using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>What the command line adds to the demo; what the demo finds is held to the reference by the facade's tests.</summary>
public sealed class DemoTests
{
    [Fact]
    public void Json_has_rows_latents_and_an_example_whose_shares_add_up()
    {
        var json = Cli.Run("demo", "--json").Json();
        Assert.Equal(("truthfulness", 32, 1000),
            (json.GetProperty("task").GetString(), json.GetProperty("k").GetInt32(), json.GetProperty("training_items").GetInt32()));
        Assert.StartsWith("cpu", json.GetProperty("backend").GetString());
        Assert.Equal(
            [("top-K directions", 32, 1000, 1), ("SAE activations", 32, 1000, 1), ("random directions", 32, 1000, 16), ("dense state", 32, 1000, 1),
                ("top-K directions", 1, 32, 1), ("random directions", 1, 32, 16)],
            json.GetProperty("rows").EnumerateArray().Select(row => (row.GetProperty("input").GetString(), row.GetProperty("k").GetInt32(),
                row.GetProperty("pairs").GetInt32(), row.GetProperty("test").GetProperty("draws").GetInt32())));
        foreach (var row in json.GetProperty("rows").EnumerateArray())
        {
            foreach (string part in (string[])["test", "shift"])
            {
                var count = row.GetProperty(part);
                Assert.Equal(400, count.GetProperty("pairs").GetInt32());
                Assert.InRange(count.GetProperty("accuracy").GetDouble(), count.GetProperty("lowest").GetDouble(), count.GetProperty("highest").GetDouble());
            }
        }
        Assert.Equal(1892, json.GetProperty("latents")[0].GetProperty("latent").GetInt32());
        Assert.Contains(json.GetProperty("commands").EnumerateArray(),
            command => command.GetString()!.StartsWith("sparserm fit --model", StringComparison.Ordinal));
        Assert.Equal(JsonValueKind.Array, json.GetProperty("warnings").ValueKind);

        var example = json.GetProperty("example");
        var (right, wrong) = (example.GetProperty("right"), example.GetProperty("wrong"));
        Assert.True(right.GetProperty("score").GetDouble() > wrong.GetProperty("score").GetDouble());
        foreach (var answer in new[] { right, wrong })
        {
            double shares = answer.GetProperty("shares").EnumerateArray().Sum(share => share.GetProperty("share").GetDouble());
            Assert.Equal(answer.GetProperty("score").GetDouble() - example.GetProperty("mean_score").GetDouble(), shares, 1e-4);
            Assert.Equal(answer.GetProperty("score").GetDouble(), answer.GetProperty("tokens").EnumerateArray().Last().GetProperty("score").GetDouble());
        }
    }

    [Fact]
    public void Tables_show_each_fit_once_and_end_with_the_commands_for_ones_own_model()
    {
        string text = Cli.Run("demo", "--k", "1", "--pairs", "32").Succeeded();
        string[] Lines(string part) => [.. text.Split('\n').Where(line => line.Contains(part, StringComparison.Ordinal))];
        Assert.Single(Lines("top-K directions "));
        Assert.Single(Lines("random directions "));
        string words = string.Join(' ', text.Split('\n', ' '));
        Assert.Contains("Random directions: mean and range of 16 draws. With 32 pairs and K = 1, chosen directions are ", words);
        Assert.Contains("The answers part at Three and Seventeen: ", words);
        Assert.Single(Lines("Share of the gap"));
        Assert.All(text.Split('\n').Where(line => line.Length > 0 && line[0] != ' '), line => Assert.InRange(line.Length, 1, 100));
        string[] commands = [.. Lines("  sparserm ").Select(line => line.Trim().Split(' ')[1])];
        Assert.Equal(["fit", "evaluate", "score"], commands);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public void Another_task_is_another_preference() =>
        Assert.Equal("safety", Cli.Run("demo", "--task", "safety", "--k", "1", "--pairs", "32", "--json").Json().GetProperty("task").GetString());

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2() => Cli.Run("demo", "--task", "poetry").Failed(2, "--task", "'poetry'");
}
