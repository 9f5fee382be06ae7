namespace SparseRM.Data.Containers;

/// <summary>Standard input, or a plain error where the process was started without one.</summary>
public static class StandardInput
{
    private const int WriteOnly = 1, AccessMode = 3;

    /// <summary>The stream; reads return what has come so far.</summary>
    /// <exception cref="IOException">Standard input is closed.</exception>
    public static Stream Open()
    {
        if (IsClosed()) throw new IOException("standard input is closed");
        return Console.OpenStandardInput();
    }

    // A process that starts without descriptor 0 gets its first own one under that number: the runtime's pipe, which nobody ever
    // writes to. Its writing end is then in this process too, which no pipe from outside has.
    private static bool IsClosed()
    {
        const string descriptors = "/proc/self/fd";
        if (!OperatingSystem.IsLinux() || !Directory.Exists(descriptors)) return false;
        if (LinkOf(descriptors + "/0") is not { } input) return true;
        return input.StartsWith("pipe:", StringComparison.Ordinal)
            && Directory.EnumerateFileSystemEntries(descriptors).Any(other => LinkOf(other) == input && IsWritable(Path.GetFileName(other)));
    }

    private static string? LinkOf(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsWritable(string descriptor)
    {
        try
        {
            string? flags = File.ReadLines("/proc/self/fdinfo/" + descriptor).FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal));
            return flags is not null && (Convert.ToInt32(flags[6..].Trim(), 8) & AccessMode) == WriteOnly;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or OverflowException)
        {
            return false;
        }
    }
}
