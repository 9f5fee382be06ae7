namespace SparseRM.Cli.Tests;

public sealed class UsageTests
{
    [Fact]
    public void Every_command_has_help_with_examples_no_wider_than_100_columns()
    {
        var all = new List<string>();
        Parallel.ForEach(Subcommands(Cli.Run("--help").Succeeded()), new ParallelOptions { MaxDegreeOfParallelism = 4 }, command => Check([command], all));
        Assert.Subset(new HashSet<string>(all), new HashSet<string> { "demo", "score", "bench ops", "farm silo", "kernels bench", "kernels check", "reproduce paper" });
        Assert.True(all.Count >= 35, string.Join(", ", all));
    }

    private static void Check(string[] path, List<string> all)
    {
        string help = Cli.Run([.. path, "--help"]).Succeeded(), name = string.Join(' ', path);
        lock (all) all.Add(name);
        Assert.All(help.Split('\n'), line => Assert.True(line.Length <= 100 && !line.EndsWith(' '), $"{name}: {line}|"));
        string examples = help[help.IndexOf("Examples:\n", StringComparison.Ordinal)..];
        Assert.Contains($"sparserm {name}", examples);
        foreach (string command in Subcommands(help)) Check([.. path, command], all);
    }

    private static string[] Subcommands(string help)
    {
        var lines = help.Split('\n').SkipWhile(line => line != "Commands:").Skip(1).TakeWhile(line => line.Length > 0);
        return [.. lines.Where(line => line.StartsWith("  ", StringComparison.Ordinal) && line[2] != ' ').Select(line => line.Trim().Split(' ')[0])];
    }

    [Theory]
    [InlineData("fit")]
    [InlineData("kernels check")]
    public void Help_is_as_narrow_as_the_terminal(string command)
    {
        string[] lines = Shell.OnTerminal($"{command} --help", columns: 80).Succeeded().ReplaceLineEndings("\n").Split('\n');
        Assert.All(lines, line => Assert.True(line.Length <= 80, line));
        Assert.Contains(lines, line => line.Length > 70);
    }

    /// <summary>An option that several commands share tells one command's use and default.</summary>
    [Theory]
    [InlineData("fit", "--dtype", "(default: auto)")]
    [InlineData("demo", "--dtype", "(default: f32)")]
    [InlineData("score", "--dtype", "(default: the reward file's)")]
    [InlineData("evaluate", "--dtype", "(default: auto to fit, the reward file's to score)")]
    [InlineData("fit", "--chat-template", "(default: the model's own)")]
    [InlineData("score", "--layer", "(default: the reward file's)")]
    [InlineData("baselines", "--layer", "(default: the SAE's)")]
    [InlineData("filter", "--sae", "where the reward's head reads activations of a top-k SAE")]
    [InlineData("combine", "--aggregate", "(default: the components')")]
    [InlineData("inspect", "--llama-scope-mode", "(default: official)")]
    public void Help_of_an_option_speaks_of_its_command(string command, string option, string expected)
    {
        string help = string.Join(' ', Cli.Run(command, "--help").Succeeded().Split((char[])['\n', ' '], StringSplitOptions.RemoveEmptyEntries));
        int start = help.IndexOf($" {option} ", StringComparison.Ordinal), end = help.IndexOf(" --", start + 4, StringComparison.Ordinal);
        Assert.True(start >= 0, help);
        Assert.Contains(expected, help[start..(end < 0 ? help.Length : end)]);
    }

    [Fact]
    public void Help_of_the_root_tells_the_exit_codes()
    {
        string help = Cli.Run("--help").Succeeded();
        // Paragraphs fill their lines: only a last one may be short.
        Assert.Contains("a frozen model runs up to one\n  layer, its residual stream is projected on a few directions", help);
        Assert.Contains("0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted", help);
    }

    [Fact]
    public void Prints_its_version() => Assert.Matches(@"^\d+\.\d+\.\d+", Cli.Run("--version").Succeeded());

    [Fact]
    public void No_command_is_bad_usage() => Cli.Run().Failed(2, "no command", "sparserm --help");

    [Fact]
    public void An_unknown_command_is_bad_usage() => Cli.Run("docter").Failed(2, "'docter'", "doctor");

    [Fact]
    public void An_unknown_option_is_bad_usage() => Cli.Run("doctor", "--jsn").Failed(2, "'--jsn'", "sparserm doctor --help");

    [Fact]
    public void A_full_disk_at_standard_output_is_told()
    {
        Assert.SkipUnless(File.Exists("/dev/full") && File.Exists("/bin/sh"), "needs /dev/full and sh");
        Shell.Run("doctor > /dev/full").Failed(1, "No space left");
    }

    [Fact]
    public void A_reader_that_has_gone_ends_it_quietly()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh");
        var result = Shell.Run("doctor | true");
        Assert.Equal((0, ""), (result.Code, result.Error));
    }
}
