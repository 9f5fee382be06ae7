using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>Opens and reads input files; whatever the system says comes back as one sentence.</summary>
internal static class InputFile
{
    /// <summary>The file, opened for reading while others may read it too.</summary>
    /// <exception cref="ModelFormatException">Missing, empty, a folder, a pipe, or not readable.</exception>
    public static SafeFileHandle Open(string path) => Guard(path, () => OpenRegular(path));

    /// <summary>The whole of a small file (configs, indexes).</summary>
    /// <exception cref="ModelFormatException">As <see cref="Open"/>, or longer than <paramref name="limit"/> bytes.</exception>
    public static byte[] ReadAll(string path, int limit = 100_000_000) => Guard(path, () =>
    {
        using var file = OpenRegular(path);
        long length = RandomAccess.GetLength(file);
        if (length > limit) throw new ModelFormatException(path, $"is {length} bytes long; at most {limit} are read");
        var bytes = new byte[length];
        ReadAt(path, file, bytes, 0);
        return bytes;
    });

    /// <summary>Fills <paramref name="bytes"/> from <paramref name="offset"/> on.</summary>
    /// <exception cref="ModelFormatException">The file ends earlier, or cannot be read.</exception>
    public static void ReadAt(string path, SafeFileHandle file, Span<byte> bytes, long offset)
    {
        try
        {
            for (int done = 0; done < bytes.Length;)
            {
                int got = RandomAccess.Read(file, bytes[done..], offset + done);
                if (got == 0) throw new ModelFormatException(path, $"ends before byte {offset + bytes.Length}; copy or download it again");
                done += got;
            }
        }
        catch (IOException error)
        {
            throw new ModelFormatException(path, $"cannot be read ({error.Message})", error);
        }
    }

    // A pipe or a device has no length, and to open it may wait for ever. The length of a link would be that of its text.
    private static SafeFileHandle OpenRegular(string path) => (File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)) is FileInfo { Exists: true, Length: 0 }
        ? throw new ModelFormatException(path, "is empty, or a pipe or device; expected a file") : File.OpenHandle(path);

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(path, "there is no such file; check the path", error);
        }
        catch (UnauthorizedAccessException error)
        {
            string problem = Directory.Exists(path) ? "is a folder, expected a file" : "may not be read; check its permissions";
            throw new ModelFormatException(path, problem, error);
        }
        catch (Exception error) when (error is IOException or ArgumentException or NotSupportedException)
        {
            throw new ModelFormatException(path, $"cannot be read ({error.Message})", error);
        }
    }
}
