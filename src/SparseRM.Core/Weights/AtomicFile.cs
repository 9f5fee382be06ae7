using System.Security.Cryptography;
using System.Text;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>Writes a file so that a reader sees the old one or the whole new one, never a part.</summary>
public static class AtomicFile
{
    private const int LongestName = 255; // bytes, of nearly every file system

    /// <summary>Writes to a temporary name in the same folder, flushes to the disk, then renames over <paramref name="path"/>.</summary>
    /// <remarks>A link is followed, so that its target is replaced and not the link. What lies below <c>/dev</c> or <c>/proc</c> is written straight on.</remarks>
    /// <param name="path">The file to make or replace; its folder must exist.</param>
    /// <param name="write">Writes the content; may throw, which removes the temporary file and leaves the old one.</param>
    /// <exception cref="SparseRMException">The disk is full, the folder missing or read-only, or the target cannot be replaced, or is a named pipe.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string? temporary = null;
        try
        {
            string full = Target(path);
            if (IsDevice(full))
            {
                using var device = new FileStream(full, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1 << 16);
                write(device);
                return;
            }
            if (NamedPipe.IsAt(full)) throw new SparseRMException($"{path}: is a named pipe or a socket, which a file would replace; name a file");
            temporary = Beside(full, $".{Guid.NewGuid():N}.tmp");
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch (DirectoryNotFoundException error)
        {
            throw new SparseRMException($"{path}: cannot be written: its folder does not exist; make the folder first", error);
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "value")
        {
            // What .NET makes of EFBIG: a limit on the size of files, by the file system or by the user's limits.
            const string Problem = "cannot be written (the file would be larger than is allowed there); nothing was left behind, choose another place";
            throw new SparseRMException($"{path}: {Problem}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException { ParamName: "path" })
        {
            throw new SparseRMException($"{path}: cannot be written ({error.Message}); nothing was left behind, free space or choose another place", error);
        }
        finally
        {
            // After a successful rename the name is gone and this does nothing.
            if (temporary is not null) TryDelete(temporary);
        }
    }

    /// <summary>As <see cref="Write"/>, but leaves a file that is there already, or that somebody else makes meanwhile.</summary>
    /// <returns>Whether this call made the file.</returns>
    /// <exception cref="SparseRMException">As <see cref="Write"/>.</exception>
    public static bool WriteNew(string path, Action<Stream> write)
    {
        if (File.Exists(path)) return false;
        string draft = Beside(Target(path), $".{Guid.NewGuid():N}.new");
        Write(draft, write);
        try
        {
            File.Move(draft, path, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(path))
        {
            return false;
        }
        finally
        {
            TryDelete(draft);
        }
    }

    /// <summary>The file that a path means: its full path, links followed.</summary>
    public static string Target(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        return !IsDevice(full) && new FileInfo(full).LinkTarget is not null ? File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName : full;
    }

    /// <summary>A name in the folder of a file: its own with <paramref name="ending"/>, or where that would be too long for a file system, its start and a hash.</summary>
    /// <param name="full">A full path.</param>
    /// <param name="ending">ASCII, at most 100 characters.</param>
    public static string Beside(string full, string ending)
    {
        string folder = System.IO.Path.GetDirectoryName(full) ?? "", name = System.IO.Path.GetFileName(full);
        if (Encoding.UTF8.GetByteCount(name) + ending.Length <= LongestName) return full + ending;
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..16];
        int kept = 0, bytes = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            if ((bytes += rune.Utf8SequenceLength) > LongestName - ending.Length - hash.Length - 1) break;
            kept += rune.Utf16SequenceLength;
        }
        return System.IO.Path.Combine(folder, $"{name[..kept]}.{hash}{ending}");
    }

    /// <summary>Whether a full path is written straight on: a rename would replace the device itself by a plain file.</summary>
    public static bool IsDevice(string full) => !OperatingSystem.IsWindows() && File.Exists(full)
        && (full.StartsWith("/proc/", StringComparison.Ordinal) || (full.StartsWith("/dev/", StringComparison.Ordinal) && !full.StartsWith("/dev/shm/", StringComparison.Ordinal)));

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
