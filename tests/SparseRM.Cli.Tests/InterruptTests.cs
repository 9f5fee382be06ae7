using System.Diagnostics;

namespace SparseRM.Cli.Tests;

public sealed class InterruptTests
{
    [Fact]
    public void An_interrupted_fit_writes_nothing_and_goes_on_where_it_was()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        using var folder = new TemporaryFolder();
        // The reference backend is slow enough to be caught in the middle.
        string[] Args(string cache, string output) =>
            ["fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "24", "--k", "4",
            "--backend", "reference", "--max-batch-tokens", "64", "--cache", folder.File(cache), "--output", folder.File(output)];

        using var process = Cli.Start(new CliInput(), Args("cache", "r.safetensors"));
        WaitForStates(folder.File("cache"), process);
        Signals.Send(process, Signals.Interrupt);
        var interrupted = Cli.Finish(process, new CliInput());
        Assert.Equal(130, interrupted.Code);
        Assert.Equal("", interrupted.Out);
        Assert.Contains("interrupted; nothing was written", interrupted.Error);
        Assert.Contains(folder.File("cache"), interrupted.Error);
        Assert.False(File.Exists(folder.File("r.safetensors")));
        Assert.Empty(Directory.GetFiles(folder.Path));

        Cli.Run(Args("cache", "r.safetensors")).Succeeded();
        Cli.Run(Args("other-cache", "whole.safetensors")).Succeeded();
        Assert.Equal(File.ReadAllBytes(folder.File("whole.safetensors")), File.ReadAllBytes(folder.File("r.safetensors")));
    }

    [Fact]
    public void A_cache_that_was_cut_in_the_middle_is_not_believed()
    {
        using var folder = new TemporaryFolder();
        string[] Args(string output) =>
            ["fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--data", FittedReward.Train, "--pairs", "40", "--k", "4",
            "--cache", folder.File("cache"), "--output", folder.File(output)];
        Cli.Run(Args("first.safetensors")).Succeeded();
        foreach (string file in Directory.GetFiles(folder.File("cache"), "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 1000))
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[bytes.Length / 3] ^= 0x40;
            File.WriteAllBytes(file, bytes[..^77]);
        }
        Cli.Run(Args("second.safetensors")).Succeeded();
        Assert.Equal(File.ReadAllBytes(folder.File("first.safetensors")), File.ReadAllBytes(folder.File("second.safetensors")));
    }

    private static void WaitForStates(string cache, Process process)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(20))
        {
            Assert.False(process.HasExited, "the fit ended before it could be interrupted");
            if (Directory.Exists(cache) && Directory.GetFiles(cache).Any(file => new FileInfo(file).Length > 8_000)) return;
        }
        Assert.Fail("no states were kept within a minute");
    }
}
