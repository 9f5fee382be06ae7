using System.Diagnostics;
using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>Lines are scored as they come, a run that ended goes on, and a bad line costs itself alone.</summary>
public sealed class ScoreStreamTests(FittedReward reward)
{
    private const string Line = """{"prompt": "What is the capital of France?", "response": "Paris."}""";
    private static readonly string s_tooLong = $"{{\"ids\": [{string.Join(", ", Enumerable.Repeat(7, 600))}]}}";

    private string[] Args(params string[] more) => ["score", "--model", FittedReward.Model, "--reward", reward.Path, .. more];

    [Fact]
    public async Task A_line_in_an_open_pipe_is_answered_and_a_signal_ends_the_wait()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent by kill");
        string alone = Cli.Run(CliInput.Text(Line), Args("--input", "-")).Succeeded().TrimEnd('\n');
        using var process = Cli.Start(new CliInput(), Args("--input", "-"));
        for (int i = 0; i < 2; i++)
        {
            process.StandardInput.WriteLine(Line);
            process.StandardInput.Flush();
            // Ends in TimeoutException where there is no answer while the pipe is open.
            Assert.Equal(alone, await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        }
        Signals.Send(process, Signals.Terminate);
        Assert.True(process.WaitForExit(30_000));
        Assert.Equal((130, "interrupted; what was scored is written"), (process.ExitCode, process.StandardError.ReadToEnd().Trim()));
    }

    [Fact]
    public void A_killed_run_goes_on_and_ends_with_the_same_file()
    {
        using var folder = new TemporaryFolder();
        string[] lines = [.. Enumerable.Range(0, 50).Select(i => $"{{\"ids\": [2, {i + 7}, 9], \"score\": {i}}}")];
        var input = CliInput.Text(string.Join('\n', lines));
        string[] args = Args("--input", "-", "--output", folder.File("out.jsonl"));
        string whole = Cli.Run(input, Args("--input", "-")).Succeeded();

        using (var process = Cli.Start(new CliInput(), args))
        {
            foreach (string line in lines[..20]) process.StandardInput.WriteLine(line);
            process.StandardInput.Flush();
            Wait(() => Directory.GetFiles(folder.Path).Any(file => LinesIn(file) >= 10));
            process.Kill();
            process.WaitForExit();
        }
        string kept = Assert.Single(Directory.GetFiles(folder.Path));
        Assert.EndsWith(".partial", kept);
        // A kill may come in the middle of a line.
        File.WriteAllText(kept, File.ReadAllText(kept)[..^5]);

        Cli.Run(CliInput.Text(string.Join('\n', lines.Prepend(Line))), args).Failed(1, kept, "another input", "line 1");
        Cli.Run(input, ["score", "--model", FittedReward.Model, "--reward", reward.Ensemble, .. args[5..]]).Failed(1, kept, "another reward file");
        var summary = Cli.Run(input, [.. args, "--json"]).Json();
        Assert.True(summary.GetProperty("resumed_lines").GetInt32() is >= 9 and < 50, $"{summary}");
        Assert.Equal(50, summary.GetProperty("lines").GetInt32());
        Assert.Equal(whole, File.ReadAllText(folder.File("out.jsonl")));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_bad_line_ends_the_run_and_once_it_is_mended_the_same_command_goes_on()
    {
        using var folder = new TemporaryFolder();
        string[] args = Args("--input", folder.File("in.jsonl"), "--output", folder.File("out.jsonl"));
        File.WriteAllLines(folder.File("in.jsonl"), [Line, Line, "{\"prompt\": \"Q\", \"response\": \"\"}", Line]);
        Cli.Run(args).Failed(1, "in.jsonl, line 3", "'response' is empty", "--skip-bad", ".partial");
        Assert.False(File.Exists(folder.File("out.jsonl")));
        File.WriteAllLines(folder.File("in.jsonl"), [Line, Line, Line, Line]);
        Assert.Equal(2, Cli.Run([.. args, "--json"]).Json().GetProperty("resumed_lines").GetInt32());
        string[] scored = File.ReadAllLines(folder.File("out.jsonl"));
        Assert.Equal((4, 1), (scored.Length, scored.Distinct().Count()));
    }

    [Fact]
    public void Skipped_lines_keep_their_places_and_are_counted()
    {
        string list = $"{{\"prompt\": \"Q\", \"responses\": [\"Yes.\", \"{string.Concat(Enumerable.Repeat("no ", 700))}\"]}}";
        string[] lines = [Line, "{\"prompt", "{\"prompt\": \"Q\", \"response\": \"\"}", s_tooLong, "{\"messages\": [{\"role\": \"pirate\", \"content\": \"Arr\"}, {\"role\": \"assistant\", \"content\": \"A\"}]}",
            "{\"ids\": [2, 9999]}", list, Line];
        var result = Cli.Run(CliInput.Text(string.Join('\n', lines)), Args("--input", "-", "--skip-bad", "--json"));
        var found = result.JsonLines();
        Assert.Equal(lines.Length, found.Length);
        Assert.Equal(found[0].GetRawText(), found[7].GetRawText());
        foreach (int bad in new[] { 1, 2, 3, 4, 5 })
        {
            Assert.Equal(JsonValueKind.Null, found[bad].GetProperty("score").ValueKind);
            Assert.NotEqual("", found[bad].GetProperty("error").GetString());
        }
        Assert.Contains("600", found[3].GetProperty("error").GetString());
        Assert.Contains("--truncate", found[3].GetProperty("error").GetString());
        Assert.Equal((JsonValueKind.Number, JsonValueKind.Null), (found[6].GetProperty("scores")[0].ValueKind, found[6].GetProperty("scores")[1].ValueKind));
        Assert.StartsWith("response 2 of 2: ", found[6].GetProperty("error").GetString());
        string[] told = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("without a score: 6; the first: -, line 2: ", told[0]);
        var summary = JsonDocument.Parse(told[1]).RootElement;
        Assert.Equal((8, 3, 6), (summary.GetProperty("lines").GetInt32(), summary.GetProperty("scores").GetInt32(), summary.GetProperty("bad").GetInt32()));
    }

    [Fact]
    public void Answers_that_were_cut_are_counted()
    {
        var result = Cli.Run(CliInput.Text($"{Line}\n{s_tooLong}\n{s_tooLong}"), Args("--input", "-", "--truncate", "left", "--json"));
        Assert.Equal(3, result.JsonLines().Length);
        Assert.Contains("cut to the model's context of 512 tokens: 2", result.Error);
        Assert.Equal(2, JsonDocument.Parse(result.Error.Split('\n')[1]).RootElement.GetProperty("truncated").GetInt32());
    }

    [Fact]
    public void Evaluate_leaves_out_rows_that_the_model_cannot_read()
    {
        using var folder = new TemporaryFolder();
        string far = string.Concat(Enumerable.Repeat("no ", 700));
        File.WriteAllLines(folder.File("data.jsonl"), [.. File.ReadLines(FittedReward.Test).Take(5), $"{{\"prompt\": \"Q\", \"chosen\": \"Yes.\", \"rejected\": \"{far}\"}}"]);
        string[] args = ["evaluate", "--model", FittedReward.Model, "--reward", reward.Path, "--data", folder.File("data.jsonl"), "--json"];
        Cli.Run(args).FailedInJson(1, "data", "data.jsonl, line 6", "--skip-bad");
        var skipped = Cli.Run([.. args, "--skip-bad"]);
        Assert.Equal((5, 1), (skipped.Json().GetProperty("pairs").GetInt32(), skipped.Json().GetProperty("skipped_rows").GetInt32()));
        Assert.Contains("left out: 1; the first: ", skipped.Error);
    }

    // A file that is just being written is not read: it is looked at again.
    private static int LinesIn(string file)
    {
        try
        {
            return File.ReadAllText(file).Count(c => c == '\n');
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static void Wait(Func<bool> isThere)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(60); Thread.Sleep(20))
            if (isThere()) return;
        Assert.Fail("no results were kept within a minute");
    }
}
