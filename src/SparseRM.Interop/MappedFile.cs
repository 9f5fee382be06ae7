using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>A weight file in memory, shared by all who hold it and unmapped by the last.</summary>
/// <remarks>
/// A file that ends before the tensor, or that was written since, is refused when it is mapped and again before each use. One that shrinks while it is read still ends
/// the process (SIGBUS): nobody can map a file and be safe from that.
/// </remarks>
internal sealed unsafe class MappedFile
{
    // By length and time too: a file that was replaced under the same name must not be read through the old mapping. That one stays here until
    // its last user is gone, so that a finaliser which releases it never finds its handles finalised first.
    private static readonly Dictionary<(string Path, FileVersion Version), MappedFile> s_open = [];
    private readonly (string Path, FileVersion Version) _key;
    private readonly SafeFileHandle _handle;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private int _users;

    private MappedFile((string Path, FileVersion Version) key, SafeFileHandle handle)
    {
        (_key, _handle) = (key, handle);
        try
        {
            _file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        }
        catch
        {
            _view?.Dispose();
            _file?.Dispose();
            throw;
        }
    }

    /// <summary>Maps the slice's file, or joins those who have it mapped; <see cref="Release"/> must follow.</summary>
    /// <exception cref="ModelFormatException">The file is missing, unreadable, or ends inside the tensor.</exception>
    public static MappedFile Acquire(WeightSlice slice)
    {
        string path = Path.GetFullPath(slice.Path);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            var key = (path, FileVersion.Of(handle));
            // Checked before the file is mapped: an empty one cannot be mapped at all.
            CheckHolds(slice, key.Item2.Length);
            slice.RequireSame(handle);
            lock (s_open)
            {
                if (!s_open.TryGetValue(key, out var mapped))
                {
                    s_open[key] = mapped = new MappedFile(key, handle);
                    handle = null;
                }
                mapped._users++;
                return mapped;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(slice.Path, $"the file with tensor \"{slice.Name}\" is missing", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException or OutOfMemoryException)
        {
            throw new ModelFormatException(slice.Path, $"cannot be mapped to read tensor \"{slice.Name}\": {e.Message}", e);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>The slice's first byte.</summary>
    /// <exception cref="ModelFormatException">The file has become too short, or other bytes were written into it.</exception>
    public byte* At(WeightSlice slice)
    {
        var now = FileVersion.Of(_handle);
        CheckHolds(slice, Math.Min(_key.Version.Length, now.Length));
        if (now != _key.Version) throw slice.Replaced();
        return _start + slice.FileOffset;
    }

    /// <summary>Gives up one <see cref="Acquire"/>.</summary>
    public void Release()
    {
        lock (s_open)
        {
            if (--_users > 0) return;
            s_open.Remove(_key);
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
            _handle.Dispose();
        }
    }

    private static void CheckHolds(WeightSlice slice, long length)
    {
        if (length < slice.FileOffset + slice.ByteLength)
            throw new ModelFormatException(slice.Path, $"the file ends inside tensor \"{slice.Name}\"; copy or download it again");
    }
}
