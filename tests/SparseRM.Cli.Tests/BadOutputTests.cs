using System.Runtime.Versioning;
using SparseRM.Weights;

namespace SparseRM.Cli.Tests;

/// <summary>Places that cannot be written: told before any work where that can be known, and an old file stays as it was.</summary>
public sealed class BadOutputTests(FittedReward reward)
{
    // Written at the very end; what is there before must outlive every failure.
    private byte[] _old = [];
    private const string Line = "{\"ids\": [2, 7]}";

    /// <summary>Commands with --output. Their other files do not exist, so that only a check before all work can find the output.</summary>
    public static TheoryData<string> CommandsWithOutput => ["fit", "score", "activations", "encode", "tokenize"];

    private static string[] WithoutFiles(string command) => command switch
    {
        "fit" => ["fit", "--model", "/nowhere/model", "--sae", "/nowhere/sae", "--data", "/nowhere/data"],
        "score" => ["score", "--model", "/nowhere/model", "--reward", "/nowhere/reward", "--input", "/nowhere/input"],
        "activations" => ["activations", "--model", "/nowhere/model", "--layers", "0", "--input", "/nowhere/input"],
        "encode" => ["encode", "--sae", "/nowhere/sae", "--input", "/nowhere/input"],
        _ => ["tokenize", "--model", "/nowhere/model", "--input", "/nowhere/input"],
    };

    [Theory, MemberData(nameof(CommandsWithOutput))]
    public void A_place_that_cannot_be_written_is_told_before_any_work(string command)
    {
        using var folder = new TemporaryFolder();
        WriteOld(folder.File("file"), command);
        foreach (var (place, part) in new[] { ("missing/r.out", "folder does not exist"), ("file/r.out", "cannot be written"), (".", "is a folder") })
            Cli.Run([.. WithoutFiles(command), "--output", folder.File(place)]).Failed(1, folder.File(place), part);
        // A good place is passed: the next thing that is missing is told, and nothing is left there.
        Cli.Run([.. WithoutFiles(command), "--output", folder.File("file")]).Failed(1, "/nowhere/");
        AssertOnlyOld(folder, "file");
    }

    /// <summary>A file would take the pipe's place, and whoever reads it would wait for ever; to open it to read would wait, deaf to signals.</summary>
    [Fact]
    public void A_named_pipe_is_refused_and_stays()
    {
        using var folder = new TemporaryFolder();
        string pipe = folder.File("pipe");
        Tool.Run(Tool.Find("mkfifo", "whether a pipe is waited for"), pipe);
        foreach (string command in CommandsWithOutput) Cli.Run([.. WithoutFiles(command), "--output", pipe]).Failed(1, $"{pipe}: is a named pipe or a socket");
        string[][] others =
        [
            ["sweep", "--model", SharedData.MiniWorld("model"), "--data", "/nowhere/data", "--input", "dense", "--layer", "4", "--output", pipe],
            ["bench", "compare", pipe, pipe],
            ["bench", "ops", "--shape", "miniworld_mlp_up_25tok", "--quick", "--resume", pipe],
            ["kernels", "check", pipe],
        ];
        foreach (string[] args in others) Cli.Run(args).Failed(1, $"{pipe}: is a named pipe or a socket");
        Cli.Run("serve", "--demo", "--api-key", pipe).Failed(2, $"{pipe} is a named pipe or a socket");
        Assert.Equal(["pipe"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
        Assert.True(NamedPipe.IsAt(pipe));
    }

    [Fact]
    public void What_a_shell_puts_in_the_place_of_a_file_is_written_and_read()
    {
        using var folder = new TemporaryFolder();
        string score = $"score --model '{FittedReward.Model}' --reward '{reward.Path}' --input";
        Shell.InBash($"{score} <(echo '{Line}') --output >(cat > '{folder.File("out")}')").Succeeded();
        Assert.Contains("\"score\"", File.ReadAllText(folder.File("out")));
    }

    [Theory, MemberData(nameof(CommandsWithOutput)), UnsupportedOSPlatform("windows")]
    public void A_folder_that_is_read_only(string command)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "root writes everywhere");
        using var folder = new TemporaryFolder();
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Cli.Run([.. WithoutFiles(command), "--output", folder.File("r.out")]).Failed(1, "r.out", "cannot be written");
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_device_that_is_full()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        Cli.Run(CliInput.Text(Line), Score("/dev/full")).Failed(1, "/dev/full");
        Cli.Run(Fit("/dev/full")).Failed(1, "/dev/full");
        Assert.True(File.Exists("/dev/full"));
    }

    [Fact]
    public void A_fit_that_finds_no_room() => LeavesTheOld("fit", 4, "", Fit);

    [Fact]
    public void Scores_that_find_no_room_are_kept_as_far_as_there_was_room()
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh for ulimit");
        using var folder = new TemporaryFolder();
        WriteOld(folder.File("r.out"), "score");
        var input = CliInput.Text(string.Join('\n', Enumerable.Repeat(Line, 300)));
        Cli.Run(input with { FileBlocks = 4 }, Score(folder.File("r.out"))).Failed(1, folder.File("r.out"), "cannot be written");
        Assert.Equal(_old, File.ReadAllBytes(folder.File("r.out")));
        Cli.Run(input, Score(folder.File("r.out"))).Succeeded();
        Assert.Equal(Cli.Run(input, Score("-")).Succeeded(), File.ReadAllText(folder.File("r.out")));
        Assert.Equal(["r.out"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Activations_that_find_no_room()
    {
        // 3 lines of 2 tokens are 3 * 2 * 192 * 4 = 9 blocks of states, and the file has a header besides.
        string input = string.Join('\n', Enumerable.Repeat(Line, 3));
        LeavesTheOld("activations", 9, input, Activations);
        using var folder = new TemporaryFolder();
        Cli.Run(CliInput.Text(input) with { FileBlocks = 8 }, Activations(folder.File("r.out"))).Failed(1, "sparserm-", "cannot be written");
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Encoded_states_that_find_no_room()
    {
        using var folder = new TemporaryFolder();
        Shards.Write(folder.File("x.safetensors"), ("x", [3, 192], [.. Enumerable.Range(0, 3 * 192).Select(i => i % 7f)]));
        LeavesTheOld("encode", 4, "", output => ["encode", "--sae", FittedReward.Sae, "--input", folder.File("x.safetensors"), "--output", output]);
    }

    private static string[] Activations(string output) => ["activations", "--model", FittedReward.Model, "--layers", "4", "--input", "-", "--output", output];

    private string[] Score(string output) => ["score", "--model", FittedReward.Model, "--reward", reward.Path, "--input", "-", "--output", output];

    // The states are in the cache after the fixture's fit: only the reward file is written.
    private string[] Fit(string output)
    {
        reward.Fit.Succeeded();
        return ["fit", "--model", FittedReward.Model, "--sae", FittedReward.Sae, "--k", "2", "--pairs", "20", "--data", FittedReward.Train,
            "--cache", reward.Cache, "--output", output];
    }

    private void LeavesTheOld(string command, int blocks, string input, Func<string, string[]> args)
    {
        Assert.SkipUnless(File.Exists("/bin/sh"), "needs sh for ulimit");
        using var folder = new TemporaryFolder();
        WriteOld(folder.File("r.out"), command);
        string[] line = args(folder.File("r.out"));
        Cli.Run(CliInput.Text(input) with { FileBlocks = blocks }, line).Failed(1, folder.File("r.out"), "cannot be written");
        AssertOnlyOld(folder, "r.out");
        // The same with room: it was the limit, and nothing else, that failed.
        Cli.Run(CliInput.Text(input), line).Succeeded();
        Assert.True(new FileInfo(folder.File("r.out")).Length > 512 * blocks);
    }

    private void WriteOld(string path, string command)
    {
        if (command == "fit") File.Copy(reward.Path, path);
        else if (command == "score") File.WriteAllText(path, "{\"ids\": [2], \"score\": 1}\n");
        else if (command == "tokenize") File.WriteAllText(path, "{\"ids\": [2], \"rendered\": \"a\"}\n");
        else Shards.Write(path, (command == "encode" ? "recon" : "block.0.resid_post.0", [1, 2], [3, 4]));
        _old = File.ReadAllBytes(path);
    }

    private void AssertOnlyOld(TemporaryFolder folder, string name)
    {
        Assert.Equal([name], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
        Assert.Equal(_old, File.ReadAllBytes(folder.File(name)));
    }
}
