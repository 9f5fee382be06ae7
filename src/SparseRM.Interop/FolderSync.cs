using System.Runtime.InteropServices;

namespace SparseRM.Interop;

/// <summary>Makes names in a folder outlast a crash of the machine: .NET flushes files, but not the folder that a rename changed.</summary>
public static partial class FolderSync
{
    private const int ReadOnly = 0;

    /// <summary>Flushes a folder's entries to the disk. File systems that cannot are left as they are.</summary>
    public static void Flush(string folder)
    {
        int file = Open(folder, ReadOnly);
        if (file < 0) return;
        _ = Sync(file);
        _ = Close(file);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int file);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
