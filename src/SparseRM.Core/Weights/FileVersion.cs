using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>What tells a file from another that took its name, or from what was written over it.</summary>
/// <param name="Length">Bytes.</param>
/// <param name="WrittenUtc">When it was last written.</param>
public readonly record struct FileVersion(long Length, DateTime WrittenUtc)
{
    /// <summary>Of an open file.</summary>
    public static FileVersion Of(SafeFileHandle file) => new(RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file));

    /// <summary>Of whatever has the name now.</summary>
    /// <exception cref="ModelFormatException">The file is missing or not readable.</exception>
    public static FileVersion Of(string path)
    {
        using var file = InputFile.Open(path);
        return Of(file);
    }
}
