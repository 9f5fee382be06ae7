using System.ComponentModel;
using System.Diagnostics;

namespace SparseRM.Cli.Terminal;

/// <summary>Shows a page in the user's browser where there is a screen.</summary>
internal static class Viewer
{
    private const string Program = "xdg-open";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>Asks the desktop to open a file; says nothing itself.</summary>
    /// <returns>Why it was not opened, or null.</returns>
    public static string? Open(string path)
    {
        if (new[] { "DISPLAY", "WAYLAND_DISPLAY" }.All(name => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)))) return "there is no screen here";
        try
        {
            // Through a shell, so that what the browser prints does not land between our lines.
            using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"exec {Program} \"$1\" >/dev/null 2>&1 </dev/null", "sh", path]))!;
            // One that is still running is showing the page.
            return !process.WaitForExit(s_patience) || process.ExitCode == 0 ? null
                : process.ExitCode is 126 or 127 ? $"there is no {Program} here" : $"{Program} failed with exit code {process.ExitCode}";
        }
        catch (Win32Exception error)
        {
            return error.Message;
        }
    }
}
