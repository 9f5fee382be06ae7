namespace SparseRM.Parts;

/// <summary>The folder <c>.staging</c> beside parts, where they are written; there while something is in it. Whoever writes into the same parts shares it.</summary>
internal static class StagingFolder
{
    // Of a writer that was killed; one that lives writes oftener.
    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    /// <summary>The folder beside some parts.</summary>
    public static string Of(string folder) => Path.Combine(folder, ".staging");

    /// <summary>Opens a new file for a draft.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static FileStream NewDraft(string folder, int buffer)
    {
        string staging = Of(folder);
        for (int attempt = 0; ; attempt++)
        {
            Directory.CreateDirectory(staging);
            try
            {
                return new FileStream(Path.Combine(staging, $"{Guid.NewGuid():N}.tmp"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, buffer);
            }
            catch (DirectoryNotFoundException) when (attempt < 100)
            {
                // Another writer found it empty just now, and removed it.
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                RemoveEmpty(staging);
                throw;
            }
        }
    }

    /// <summary>Removes a file, if it is still there, and the folder where nothing is left in it.</summary>
    public static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }
        RemoveEmpty(Path.GetDirectoryName(file)!);
    }

    /// <summary>Removes what a farm's leases staged and was not published, and drafts that nobody wrote to for a day; drafts of others stay.</summary>
    public static void RemoveStaged(string folder)
    {
        string staging = Of(folder);
        if (!Directory.Exists(staging)) return;
        foreach (string staged in Directory.EnumerateFiles(staging, "rows-*")) File.Delete(staged);
        foreach (string draft in Directory.EnumerateFiles(staging, "*.tmp"))
            if (DateTime.UtcNow - File.GetLastWriteTimeUtc(draft) > s_abandoned) File.Delete(draft);
        RemoveEmpty(staging);
    }

    private static void RemoveEmpty(string staging)
    {
        try
        {
            Directory.Delete(staging, recursive: false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Others have drafts in it.
        }
    }
}
