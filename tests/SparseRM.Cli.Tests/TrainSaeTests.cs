using System.Diagnostics;

namespace SparseRM.Cli.Tests;

public sealed class TrainSaeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string[] Train(string output, params string[] more) =>
        ["train-sae", "--model", FittedReward.Model, "--layer", "4", "--data", FittedReward.Train, "--width", "64", "--batch-tokens", "256", "--output", _folder.File(output), .. more];

    [Fact]
    public void A_trained_SAE_has_its_figures_and_is_one_that_fit_takes()
    {
        var json = Cli.Run(Train("sae", "--k", "8", "--tokens", "2e4", "--test", FittedReward.Test, "--compare", FittedReward.Sae, "--json")).Json();
        Assert.Equal(("batchtopk", 20_000), (json.GetProperty("architecture").GetString(), json.GetProperty("tokens").GetInt32()));
        Assert.InRange(json.GetProperty("fvu").GetDouble(), 0.01, 0.6);
        Assert.InRange(json.GetProperty("l0").GetDouble(), 4, 12);
        Assert.InRange(json.GetProperty("dead").GetInt32(), 0, 63);
        Assert.InRange(json.GetProperty("compared").GetProperty("fvu").GetDouble(), 0, 0.1);
        var compared = json.GetProperty("compared");
        // A little SAE after a few steps keeps most of the loss, the demo's nearly all; both were put in place of the same states.
        Assert.InRange(json.GetProperty("loss_recovered").GetDouble(), 0.5, 0.9999);
        Assert.InRange(compared.GetProperty("loss_recovered").GetDouble(), 0.99, 0.99999);
        Assert.True(json.GetProperty("loss_tokens").GetInt32() >= 4096);
        Assert.Equal((json.GetProperty("loss").GetDouble(), json.GetProperty("loss_with_zeros").GetDouble()), (compared.GetProperty("loss").GetDouble(), compared.GetProperty("loss_with_zeros").GetDouble()));
        Assert.True(json.GetProperty("loss").GetDouble() < json.GetProperty("loss_with_sae").GetDouble());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, json.GetProperty("no_loss").ValueKind);
        var inspected = Cli.Run("inspect", _folder.File("sae"), "--json").Json();
        Assert.Equal(4, inspected.GetProperty("layer").GetInt32());
        Cli.Run("fit", "--model", FittedReward.Model, "--sae", _folder.File("sae"), "--data", FittedReward.Train, "--pairs", "60", "--k", "4", "--hidden-units", "16", "--epochs", "2",
            "--no-cache", "--output", _folder.File("r.safetensors")).Succeeded();
        Cli.Run(Train("sae", "--k", "8")).Failed(1, _folder.File("sae"), "holds an SAE already", "name another output");
    }

    [Fact]
    public void An_interrupted_training_goes_on_from_its_checkpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        string[] Args(string output, string tokens) => Train(output, "--architecture", "jumprelu", "--l0", "8", "--tokens", tokens, "--sae-format", "gemma-scope");
        using var process = Cli.Start(new CliInput(), Args("sae", "1e9"));
        for (var clock = Stopwatch.StartNew(); !Directory.Exists(_folder.File("sae")) && clock.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(20)) Assert.False(process.HasExited);
        // Somewhere in reading or in training.
        Thread.Sleep(4000);
        Signals.Send(process, Signals.Interrupt);
        var interrupted = Cli.Finish(process, new CliInput());
        Assert.Equal(130, interrupted.Code);
        bool hasBegun = File.Exists(_folder.File("sae", "checkpoint.safetensors"));
        Assert.Contains(hasBegun ? $"interrupted; a checkpoint is kept in {_folder.File("sae")}, and the same command resumes" : "interrupted; nothing was written", interrupted.Error);
        if (hasBegun)
            Cli.Run(Args("sae", "2e4")).Failed(1, "checkpoint.safetensors", "another training", "name another output");
        else Assert.False(Directory.Exists(_folder.File("sae")));
    }

    [Fact]
    public void Interrupted_before_training_began_it_speaks_of_no_checkpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        // The reference backend takes its time for the states that training begins with.
        using var process = Cli.Start(new CliInput(), Train("sae", "--k", "8", "--tokens", "1e9", "--backend", "reference"));
        for (var clock = Stopwatch.StartNew(); !Directory.Exists(_folder.File("sae")) && clock.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(20)) Assert.False(process.HasExited);
        Signals.Send(process, Signals.Interrupt);
        var interrupted = Cli.Finish(process, new CliInput());
        Assert.Equal((130, "interrupted; nothing was written\n"), (interrupted.Code, interrupted.Error));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Two_SAEs_stand_in_one_table()
    {
        string table = Cli.Run(Train("sae", "--k", "8", "--tokens", "2000", "--test", FittedReward.Test, "--compare", FittedReward.Sae)).Succeeded();
        Assert.Matches(@"(?m)^ +SAE +Compared$", table);
        Assert.Matches(@"(?m)^ +fvu +0\.\d+ +0\.0\d+$", table);
        Assert.DoesNotContain("\n\n\n", table);
    }

    [Fact]
    public void A_disk_that_is_full_leaves_nothing()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh for ulimit");
        // 64 latents of width 192 take 2 * 64 * 192 * 4 bytes, 192 blocks; the config fits.
        Cli.Run(new CliInput { FileBlocks = 100 }, Train("sae", "--k", "8", "--tokens", "1000")).Failed(1, "sae_weights.safetensors", "cannot be written");
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Weights_that_are_not_finite_and_data_that_cannot_be_read_are_one_sentence()
    {
        using var model = TemporaryFolder.CopyOf(FittedReward.Model);
        Shards.PoisonBf16(model.File("model.safetensors"), "model.layers.2.mlp.up_proj.weight", 0x7FC0);
        string[] args = Train("sae", "--k", "8");
        args[2] = model.Path;
        Cli.Run(args).Failed(1, "model.layers.2.mlp.up_proj.weight", "NaN");
        string empty = _folder.File("empty.jsonl");
        File.WriteAllText(empty, "");
        args = Train("sae", "--k", "8");
        args[6] = empty;
        Cli.Run(args).Failed(1, "empty.jsonl", "is empty");
        args[6] = _folder.File("none.jsonl");
        Cli.Run(args).Failed(1, "none.jsonl", "no such file");
        File.Delete(empty);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Usage_that_the_command_line_alone_shows_wrong_is_exit_code_2()
    {
        Cli.Run(Train("sae")).Failed(2, "--k is needed for batchtopk");
        Cli.Run(Train("sae", "--architecture", "jumprelu")).Failed(2, "--l0 is needed");
        Cli.Run(Train("sae", "--architecture", "jumprelu", "--k", "3")).Failed(2, "--k is not for jumprelu", "--l0");
        Cli.Run(Train("sae", "--l0", "3")).Failed(2, "--l0 is for jumprelu", "--k");
        Cli.Run(Train("sae", "--k", "64")).Failed(2, "k is 64", "below the width");
        Cli.Run(Train("sae", "--k", "8", "--architecture", "vanilla")).Failed(2, "'vanilla'", "matryoshka");
        Cli.Run(Train("sae", "--k", "8", "--architecture", "topk", "--sae-format", "gemma-scope")).Failed(2, "topk", "saelens");
        Cli.Run(Train("sae", "--k", "8", "--data", "-")).Failed(2, "--data", "standard input");
    }
}
