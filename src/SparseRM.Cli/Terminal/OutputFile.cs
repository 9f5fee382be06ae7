using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Cli.Terminal;

/// <summary>The file that a command writes at its end.</summary>
internal static class OutputFile
{
    /// <summary>Refuses a place that cannot be written before hours of work go into what would be lost there.</summary>
    /// <param name="path">What <c>--output</c> says; null or "-" is standard output.</param>
    /// <exception cref="SparseRMException">The path is a folder, or its folder is missing or read-only.</exception>
    public static void Probe(string? path)
    {
        if (path is null or "-") return;
        if (Directory.Exists(path)) throw new SparseRMException($"{path}: cannot be written: it is a folder; name a file in it");
        try
        {
            // The very way of the later write, left before the temporary file takes the place of an old one.
            AtomicFile.Write(path, _ => throw new ProbedException());
        }
        catch (ProbedException)
        {
            // The temporary file could be made, and is gone again.
        }
    }

    /// <summary>Writes the file.</summary>
    /// <param name="path">For the message.</param>
    /// <param name="write">Writes it; says itself what is wrong, or throws what the runtime throws.</param>
    /// <exception cref="SparseRMException">It cannot be written.</exception>
    public static void Write(string path, Action write)
    {
        try
        {
            write();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be written ({error.Message})", error);
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "value")
        {
            // What .NET makes of EFBIG: a limit on the size of files, by the file system or by the user's limits.
            const string Problem = "cannot be written (the file would be larger than is allowed there); nothing was left behind, choose another place";
            throw new SparseRMException($"{path}: {Problem}", error);
        }
    }

    private sealed class ProbedException : Exception;
}
