using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace SparseRM.Cli.Tests;

/// <summary>What a finished process left.</summary>
internal sealed record CliResult(int Code, string Out, string Error)
{
    /// <summary>Insists on success and gives standard output.</summary>
    public string Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}: {Error}");
        return Out;
    }

    /// <summary>Standard output as one JSON object.</summary>
    public JsonElement Json() => JsonDocument.Parse(Succeeded()).RootElement;

    /// <summary>Standard output as one JSON object a line.</summary>
    public JsonElement[] JsonLines() =>
        [.. Succeeded().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Insists on one error as JSON on standard error, of this kind and with every part, and nothing on standard output.</summary>
    public void FailedInJson(int code, string kind, params string[] parts)
    {
        Assert.True(Code == code, $"exit code {Code}, expected {code}: {Error}{Out}");
        var error = JsonDocument.Parse(Error).RootElement.GetProperty("error");
        Assert.Equal(kind, error.GetProperty("kind").GetString());
        foreach (string part in parts) Assert.Contains(part, error.GetProperty("message").GetString());
        Assert.Equal("", Out);
    }

    /// <summary>Insists on one sentence on standard error that has every part, nothing on standard output, and no stack trace.</summary>
    public void Failed(int code, params string[] parts)
    {
        Assert.True(Code == code, $"exit code {Code}, expected {code}: {Error}{Out}");
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith("error: ", line);
        Assert.DoesNotContain("fault in sparserm", line);
        foreach (string part in parts) Assert.Contains(part, line);
        Assert.Equal("", Out);
    }
}

/// <summary>Runs the real executable as a process.</summary>
internal static class Cli
{
    private static readonly string s_assembly = Path.Combine(AppContext.BaseDirectory, "sparserm.dll");

    public static CliResult Run(params string[] args) => Run(new CliInput(), args);

    public static CliResult Run(CliInput input, params string[] args)
    {
        using var process = Start(input, args);
        return Finish(process, input);
    }

    public static Process Start(CliInput input, params string[] args)
    {
        // The shell ignores the signal that the limit raises, so that the write fails with EFBIG as it would with ENOSPC on a full disk.
        string[] limited = ["-c", $"trap '' XFSZ; ulimit -f {input.FileBlocks}; exec dotnet exec \"$@\"", "sh", s_assembly, .. args];
        var start = new ProcessStartInfo(input.FileBlocks is null ? "dotnet" : "/bin/sh", input.FileBlocks is null ? ["exec", s_assembly, .. args] : limited)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = input.Folder ?? Path.GetTempPath(),
        };
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        // Each test that caches names its own folder; none may leave states in the user's.
        start.Environment["SPARSERM_CACHE"] = Path.Combine(Path.GetTempPath(), "sparserm-test-cache-that-nothing-may-make");
        if (input.FileBlocks is not null)
        {
            // The runtime keeps large files of its own otherwise.
            start.Environment["DOTNET_EnableDiagnostics"] = "0";
            start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        }
        foreach (var (name, value) in input.Environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    public static CliResult Finish(Process process, CliInput input)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.BaseStream.Write(input.StandardInput);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading, which is its right.
        }
        if (!process.WaitForExit(120_000))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"still running after two minutes; it said: {error.Result}");
        }
        return new CliResult(process.ExitCode, output.Result, error.Result);
    }
}

/// <summary>What a process is given beside its arguments.</summary>
internal sealed record CliInput
{
    public byte[] StandardInput { get; init; } = [];

    public string? Folder { get; init; }

    /// <summary>Lets no file grow beyond so many blocks of 512 bytes; needs a POSIX shell.</summary>
    public int? FileBlocks { get; init; }

    public Dictionary<string, string?> Environment { get; init; } = [];

    public static CliInput Text(string text) => new() { StandardInput = Encoding.UTF8.GetBytes(text) };
}
