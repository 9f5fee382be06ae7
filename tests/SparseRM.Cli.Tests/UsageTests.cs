namespace SparseRM.Cli.Tests;

public sealed class UsageTests
{
    public static TheoryData<string> Commands =>
        ["demo", "fit", "combine", "score", "evaluate", "baselines", "sweep", "report", "serve", "farm", "inspect", "activations", "encode", "tokenize", "bench", "kernels", "doctor"];

    [Theory, MemberData(nameof(Commands))]
    public void Every_command_has_help_with_examples(string command)
    {
        string help = Cli.Run(command, "--help").Succeeded();
        Assert.Contains("Examples:", help);
        Assert.Contains($"  sparserm {command}", help);
        Assert.All(help.Split('\n'), line => Assert.True(line.Length <= 100, line));
        Assert.Contains($"  {command}", Cli.Run("--help").Succeeded());
    }

    [Fact]
    public void Help_of_the_root_tells_the_exit_codes()
    {
        string help = Cli.Run("--help").Succeeded();
        // Paragraphs fill their lines: only a last one may be short.
        Assert.Contains("a frozen model runs up to one \n  layer, its residual stream is projected on a few directions", help);
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
