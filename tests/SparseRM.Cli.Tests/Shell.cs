using System.Diagnostics;

namespace SparseRM.Cli.Tests;

/// <summary>Runs the executable behind redirections and pipes.</summary>
internal static class Shell
{
    /// <summary>The rest of a shell line after <c>sparserm</c>.</summary>
    public static CliResult Run(string line)
    {
        string program = $"dotnet exec '{Path.Combine(AppContext.BaseDirectory, "sparserm.dll")}'";
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"{program} {line}"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        return Cli.Finish(process, new CliInput());
    }
}
