using System.Diagnostics;

namespace SparseRM.Cli.Tests;

/// <summary>Runs the executable behind redirections and pipes.</summary>
internal static class Shell
{
    /// <summary>The rest of a shell line after <c>sparserm</c>.</summary>
    public static CliResult Run(string line)
    {
        return Start("/bin/sh", "-c", $"{Program} {line}");
    }

    /// <summary>As <see cref="Run"/>, by bash, which has <c>&lt;(...)</c> and <c>&gt;(...)</c>; the line ends when what it started has.</summary>
    public static CliResult InBash(string line)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "needs bash");
        return Start("/bin/bash", "-c", $"{Program} {line}; code=$?; wait; exit $code");
    }

    /// <summary>The rest of a shell line after <c>sparserm</c>, on a terminal of its own: what it shows comes as standard output.</summary>
    /// <param name="line">The line.</param>
    /// <param name="columns">How wide the terminal is; null for what the system makes of it.</param>
    public static CliResult OnTerminal(string line, int? columns = null)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "needs script of util-linux for a terminal");
        return Start("/usr/bin/script", "--quiet", "--return", "--command", $"{(columns is null ? "" : $"stty cols {columns}; ")}{Program} {line}", "/dev/null");
    }

    private static string Program => $"dotnet exec '{Path.Combine(AppContext.BaseDirectory, "sparserm.dll")}'";

    private static CliResult Start(string program, params string[] args)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        return Cli.Finish(process, new CliInput());
    }
}
