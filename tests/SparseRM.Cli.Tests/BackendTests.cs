namespace SparseRM.Cli.Tests;

/// <summary>Which backend ran is said to people and to programs, and not among the data of a pipe.</summary>
public sealed class BackendTests(FittedReward reward)
{
    [Fact]
    public void Auto_says_on_a_terminal_which_backend_it_took()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("lines.jsonl"), "{\"ids\": [2, 7]}");
        string score = $"score --model '{FittedReward.Model}' --reward '{reward.Path}' --input '{folder.File("lines.jsonl")}' --threads 1";
        string activations = $"activations --model '{FittedReward.Model}' --layers 0 --backend auto"
            + $" --input '{folder.File("lines.jsonl")}' --output '{folder.File("x.safetensors")}'";
        Assert.Contains("backend: cpu", Shell.OnTerminal(score).Succeeded());
        Assert.Contains("backend: cpu", Shell.OnTerminal(activations).Succeeded());
        // Who names a backend knows it, and who redirects messages wants only what is wrong.
        Assert.DoesNotContain("backend:", Shell.OnTerminal($"{score} --backend cpu").Succeeded());
        Assert.DoesNotContain("backend:", Shell.OnTerminal($"{score} 2>'{folder.File("messages")}'").Succeeded());
        Assert.Equal("", File.ReadAllText(folder.File("messages")));
    }

    [Fact]
    public void Json_has_the_backend()
    {
        Assert.StartsWith("cpu", reward.Fit.Json().GetProperty("backend").GetString());
        var json = Cli.Run("evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", FittedReward.Test, "--pairs", "4",
            "--backend", "reference", "--json").Json();
        Assert.StartsWith("reference", json.GetProperty("backend").GetString());
    }
}
