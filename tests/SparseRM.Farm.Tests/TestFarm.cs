using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Farm.Clusters;

namespace SparseRM.Farm.Tests;

/// <summary>Silos and clients as processes of the real command line, on MiniWorld, and a file of answers.</summary>
internal sealed class TestFarm : IDisposable
{
    private static readonly string s_program = Path.Combine(AppContext.BaseDirectory, "sparserm.dll");
    private readonly TemporaryFolder _folder = new();
    private readonly string[] _place;
    private readonly List<Process> _processes = [];
    private readonly Dictionary<string, Process> _ports = [];

    /// <param name="store">Where members and jobs are kept; null for the memory of the first silo.</param>
    /// <param name="rows">Rows of the file.</param>
    /// <param name="slow">Rows of a long answer each, which take a core some 0.02 s a row.</param>
    /// <param name="port">Port of the first silo where there is no store; null for a free one.</param>
    public TestFarm(IStore? store, int rows, RowRange? slow = null, int? port = null)
    {
        _place = store?.Place ?? ["--port", $"{port ?? FreePort()}"];
        Rows = rows;
        var pairs = File.ReadLines(SharedData.MiniWorld("pairs", "truthfulness.train.jsonl")).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        File.WriteAllLines(Input, Enumerable.Range(0, rows).Select(i => slow is { } range && i >= range.Start && i < range.End ? Slow(i) : i % 997 == 7 ? "{bad"
            : $$"""{"id": {{i}}, "prompt": {{pairs[i % pairs.Length].GetProperty("prompt").GetRawText()}}, "response": {{pairs[i % pairs.Length].GetProperty(i % 2 == 0 ? "chosen" : "rejected").GetRawText()}}}"""));
    }

    public int Rows { get; }

    public string Input => _folder.File("in.jsonl");

    public string Output => _folder.File("scores");

    /// <summary>A name beside them.</summary>
    public string Beside(string name) => _folder.File(name);

    /// <summary>What one process writes for all rows.</summary>
    public string Whole()
    {
        Finish(Start(["score", .. Model, "--input", Input, "--skip-bad", "--output", _folder.File("whole.jsonl")]), 0);
        return File.ReadAllText(_folder.File("whole.jsonl"));
    }

    /// <summary>Starts a silo and waits until it is a member.</summary>
    /// <param name="fileBlocks">Lets no file grow beyond so many blocks of 512 bytes.</param>
    /// <param name="more">Further options.</param>
    /// <param name="on">What its command begins with; nothing for this machine.</param>
    public Process Silo(int? fileBlocks = null, string[]? more = null, string[]? on = null) => Ready(Begin(fileBlocks, more, on)).Process;

    /// <summary>Starts a silo.</summary>
    public Process Begin(int? fileBlocks = null, string[]? more = null, string[]? on = null) =>
        Start(["farm", "silo", .. Model, .. _place, "--threads", "1", .. more ?? [], .. Lease(more)], fileBlocks, on);

    /// <summary>Waits until a silo is a member.</summary>
    /// <returns>Its line, and what it says after it until it ends.</returns>
    public (Process Process, string Line, Task<string> After) Ready(Process process)
    {
        var said = new ConcurrentQueue<string>();
        while (process.StandardError.ReadLine() is { } line)
        {
            said.Enqueue(line);
            if (!line.StartsWith("silo at port", StringComparison.Ordinal)) continue;
            _ports[line.Split(' ')[3].TrimEnd(',')] = process;
            // Read on, so that it never waits for room in the pipe.
            return (process, line, process.StandardError.ReadToEndAsync());
        }
        throw new InvalidOperationException($"the silo ended: {string.Join('\n', said)}");
    }

    /// <summary>Kills the silo of a worker's name, <c>MACHINE:PORT@..</c>; false where it is dead already.</summary>
    public bool KillWorker(string worker)
    {
        var process = _ports[worker.Split('@')[0].Split(':')[^1]];
        if (process.HasExited) return false;
        Kill(process);
        return true;
    }

    /// <summary>A command of the farm that succeeds, and what it says.</summary>
    public JsonElement Farm(params string[] args) => JsonDocument.Parse(Finish(Start(["farm", .. args, .. _place, "--json"]), 0).Out).RootElement;

    /// <summary>A silo that ends by itself.</summary>
    public (int Code, string Out, string Error) Refused(params string[] more) => Finish(Begin(more: more), null);

    public (int Code, string Out, string Error) Try(params string[] args) => Finish(Start(["farm", .. args, .. _place]), null);

    public Process Submit(params string[] more) => Start(["farm", "submit", "--input", Input, "--output", Output, "--json", .. _place, .. more]);

    /// <summary>Waits for a submitted job and gives its report.</summary>
    public JsonElement Done(Process submit) => JsonDocument.Parse(Finish(submit, 0).Out).RootElement;

    /// <summary>Waits until so many parts are there.</summary>
    public void WaitForParts(int count)
    {
        var clock = Stopwatch.StartNew();
        while (Parts.Length < count)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"only {Parts.Length} parts after two minutes");
            Thread.Sleep(20);
        }
    }

    public string[] Parts => Directory.Exists(Output) ? [.. Directory.GetFiles(Output, "rows-*.manifest.json").Order()] : [];

    /// <summary>Insists that parts follow one another without a gap, that each is whole, and that their lines are these.</summary>
    public void RequireLines(string whole)
    {
        long next = 0;
        var lines = new System.Text.StringBuilder();
        foreach (string path in Parts)
        {
            var manifest = SparseRM.Parts.PartManifest.Read(path)!;
            Assert.Equal(next, manifest.Rows.Start);
            next = manifest.Rows.End;
            string text = File.ReadAllText(Path.Combine(Output, manifest.Output));
            Assert.Equal(manifest.Rows.Count, text.Count(c => c == '\n'));
            lines.Append(text);
        }
        Assert.Equal(Rows, next);
        Assert.Equal(Parts.Length, Directory.GetFiles(Output, "rows-*.jsonl").Length);
        Assert.True(whole == lines.ToString(), "the parts' lines are not those of one process");
    }

    public static void Signal(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    public static void Kill(Process process)
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.HasExited)
            {
                Signal(process, "CONT");
                process.Kill();
                process.WaitForExit();
            }
            process.Dispose();
        }
        _folder.Dispose();
    }

    // Each answer begins otherwise, so that no two share what was computed.
    private static string Slow(int row) => JsonSerializer.Serialize(new { prompt = "Q", response = $"{row} " + string.Join(' ', Enumerable.Repeat("the cat and the dog", 80)) });

    private static string[] Lease(string[]? more) => more?.Contains("--lease") == true ? [] : ["--lease", "6"];

    private static string[] Model => ["--model", SharedData.MiniWorld("model"), "--reward", SharedData.MiniWorld("reward.safetensors")];

    private Process Start(string[] args, int? fileBlocks = null, string[]? on = null)
    {
        // The shell ignores the signal that the limit raises, so that the write fails as it would on a full disk.
        string[] limited = ["-c", $"trap '' XFSZ; ulimit -f {fileBlocks}; exec dotnet exec \"$@\"", "sh", s_program, .. args];
        string[] command = [.. on ?? [], .. fileBlocks is null ? ["dotnet", "exec", s_program, .. args] : (string[])["/bin/sh", .. limited]];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path,
        };
        if (fileBlocks is not null)
        {
            // The runtime keeps large files of its own otherwise.
            start.Environment["DOTNET_EnableDiagnostics"] = "0";
            start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        }
        var process = Process.Start(start)!;
        _processes.Add(process);
        return process;
    }

    private static (int Code, string Out, string Error) Finish(Process process, int? code)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(240_000))
        {
            process.Kill();
            Assert.Fail($"still running after four minutes: {error.Result}");
        }
        if (code is not null) Assert.True(process.ExitCode == code, $"exit code {process.ExitCode}: {error.Result}");
        return (process.ExitCode, output.Result, error.Result);
    }

    /// <summary>A port that nobody has.</summary>
    public static int FreePort()
    {
        while (true)
        {
            // Below those that the system gives to connections, which could take it meanwhile; the next one is the clients'.
            int port = 20_000 + (2 * Random.Shared.Next(6_000));
            if (SiloPorts.IsFree(port) && SiloPorts.IsFree(port + 1)) return port;
        }
    }
}
