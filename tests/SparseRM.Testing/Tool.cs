using System.Diagnostics;

namespace SparseRM.Testing;

/// <summary>A program that some machines have and others do not, which says something about what we made.</summary>
public static class Tool
{
    /// <summary>Where it lies on the PATH; skips the calling test, saying what stays unknown, where it does not.</summary>
    public static string Find(string name, string unknown)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        string? path = folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (path is null) Assert.Skip($"{name} is not on the PATH: {unknown}");
        return path;
    }

    /// <summary>Runs it to its end: the exit code, and what it wrote to the standard error.</summary>
    public static (int ExitCode, string Said) Run(string path, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardError = true })!;
        string said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said);
    }
}
