using System.Text.Json;

namespace SparseRM.Cli.Tests;

public sealed class DemoTests
{
    [Fact]
    public void Agrees_with_the_reference_run_within_two_standard_errors()
    {
        var json = Cli.Run("demo", "--json").Json();
        var rows = json.GetProperty("rows").EnumerateArray().ToArray();
        JsonElement Row(string input, int k) => Assert.Single(rows, row => row.GetProperty("input").GetString() == input && row.GetProperty("k").GetInt32() == k);
        double Accuracy(JsonElement row, string part) => row.GetProperty(part).GetProperty("accuracy").GetDouble();

        // The demo's README: 97.4 on test, 99.2 on shift; a standard error is sqrt(p (1 - p) / 400).
        Assert.InRange(Accuracy(Row("top-K directions", 32), "test"), 0.974 - 2 * 0.008, 1);
        Assert.InRange(Accuracy(Row("top-K directions", 32), "shift"), 0.992 - 2 * 0.009, 1);
        // One direction a side from 32 pairs keeps 95 %, and random ones do not.
        Assert.InRange(Accuracy(Row("top-K directions", 1), "test"), 0.95, 1);
        var random = Row("random directions", 1).GetProperty("test");
        Assert.Equal(16, random.GetProperty("draws").GetInt32());
        Assert.True(random.GetProperty("lowest").GetDouble() < random.GetProperty("accuracy").GetDouble());

        var latents = json.GetProperty("latents").EnumerateArray().ToArray();
        var leading = latents.Where(latent => latent.GetProperty("sign").GetInt32() == 1).First();
        Assert.Equal(1892, leading.GetProperty("latent").GetInt32());
        Assert.InRange(leading.GetProperty("chosen_count").GetInt32(), 984, 988);
        Assert.InRange(leading.GetProperty("rejected_count").GetInt32(), 55, 59);

        var example = json.GetProperty("example");
        Assert.True(example.GetProperty("right_score").GetDouble() > example.GetProperty("wrong_score").GetDouble());
        double shares = example.GetProperty("shares").EnumerateArray().Sum(share => share.GetProperty("share").GetDouble());
        Assert.Equal(example.GetProperty("wrong_score").GetDouble() - example.GetProperty("mean_score").GetDouble(), shares, 1e-4);
    }

    [Fact]
    public void Ends_with_the_commands_for_ones_own_model()
    {
        string text = Cli.Run("demo", "--k", "1", "--pairs", "32").Succeeded();
        Assert.Contains("sparserm fit --model", text);
        Assert.Contains("Random directions: mean and range of 16 draws.", text);
        Assert.DoesNotContain('\u001b', text);
    }
}
