using System.Diagnostics;
using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Benchmarking.Ab;

/// <summary>Processes of this program that run code of a stranger: what they do wrong ends in a sentence here.</summary>
internal static class Child
{
    // What a shell gives a process that a signal ended: 128 more than the signal's number.
    private const int BySignal = 128;

    /// <summary>Starts this program with other arguments, in a folder that takes no core files.</summary>
    public static Process Start(params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardError = true, RedirectStandardInput = true, RedirectStandardOutput = true };
        // The program itself, or `dotnet program.dll`.
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet") start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start)!;
    }

    /// <summary>The next line of its output; an end, a hang or an error is an exception that names <paramref name="what"/>.</summary>
    public static string Answer(Process process, Task<string> errors, double limit, string what, CancellationToken cancel)
    {
        var line = process.StandardOutput.ReadLineAsync(CancellationToken.None).AsTask();
        if (!line.Wait(TimeSpan.FromSeconds(limit), cancel))
            throw new SparseRMException(ErrorKind.Device, $"{what} did not answer within {limit:0.#} s; it hangs, or needs a longer --limit");
        if (line.Result is { } answer) return answer;
        process.WaitForExit();
        string said = errors.Result.Trim();
        if (process.ExitCode > BySignal) throw new SparseRMException(ErrorKind.Device, $"{what} ended its process with signal {process.ExitCode - BySignal}{NameOf(process.ExitCode - BySignal)}");
        throw new SparseRMException(ErrorKind.Device, said.Length > 0 ? $"{what} failed: {Sentence(said)}" : $"{what} ended its process with exit code {process.ExitCode}");
    }

    /// <summary>Ends it, whatever it is doing.</summary>
    public static void End(Process process)
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }

    private static string NameOf(int signal) => signal switch
    {
        4 => " (an instruction that this processor lacks)",
        6 => " (aborted)",
        7 or 11 => " (memory that is not its own)",
        8 => " (an arithmetic fault)",
        _ => "",
    };

    /// <summary>The sentence of an error that is JSON, or the last line.</summary>
    private static string Sentence(string said)
    {
        string last = said.Split('\n')[^1];
        if (!last.StartsWith('{')) return last.StartsWith("error: ", StringComparison.Ordinal) ? last["error: ".Length..] : last;
        using var json = JsonDocument.Parse(last);
        return json.RootElement.GetProperty("error").GetProperty("message").GetString()!;
    }
}
