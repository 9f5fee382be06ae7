using System.Diagnostics;

namespace SparseRM.Core.Tests;

/// <summary>A short run of every fuzzer; <c>tests/SparseRM.Fuzz</c> runs for as long as one likes.</summary>
public class FuzzTests
{
    [Fact]
    public async Task Every_reader_reads_or_refuses_what_is_made_of_its_valid_files()
    {
        using var faults = new TemporaryFolder();
        var (code, said) = await Run("--seconds", "0.4", "--seed", "7", "--faults", faults.Path);
        Assert.True(code == 0, said);
        foreach (string name in (await Run("--list")).Said.Split('\n', StringSplitOptions.RemoveEmptyEntries)) Assert.Contains($"{name}: ", said);
    }

    [Fact]
    public async Task A_reader_that_is_not_there_is_bad_usage()
    {
        var (code, said) = await Run("--reader", "gguf");
        Assert.Equal(2, code);
        Assert.Contains("there is no reader 'gguf'; there are safetensors", said);
    }

    private static async Task<(int Code, string Said)> Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "SparseRM.Fuzz.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}
