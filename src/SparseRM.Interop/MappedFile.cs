using System.IO.MemoryMappedFiles;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>A weight file in memory, shared by all who hold it and unmapped by the last.</summary>
/// <remarks>
/// A file that ends before the tensor is refused when it is mapped and again before each use. One that shrinks while it is read still ends
/// the process (SIGBUS): nobody can map a file and be safe from that.
/// </remarks>
internal sealed unsafe class MappedFile
{
    private static readonly Dictionary<string, MappedFile> s_open = [];
    private readonly string _path;
    private readonly FileStream _stream;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly long _length;
    private int _users;

    private MappedFile(string path)
    {
        _path = path;
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
        try
        {
            _length = _stream.Length;
            _file = MemoryMappedFile.CreateFromFile(_stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        }
        catch
        {
            _view?.Dispose();
            _file?.Dispose();
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>Maps the slice's file, or joins those who have it mapped; <see cref="Release"/> must follow.</summary>
    /// <exception cref="ModelFormatException">The file is missing, unreadable, or ends inside the tensor.</exception>
    public static MappedFile Acquire(WeightSlice slice)
    {
        string path = Path.GetFullPath(slice.Path);
        lock (s_open)
        {
            // A file that was replaced under the same name must not be read through the old mapping.
            if (s_open.TryGetValue(path, out var mapped) && mapped._length == LengthNow(path)) mapped.CheckHolds(slice);
            else s_open[path] = mapped = Open(slice, path);
            mapped._users++;
            return mapped;
        }
    }

    /// <summary>The slice's first byte.</summary>
    /// <exception cref="ModelFormatException">The file has become too short.</exception>
    public byte* At(WeightSlice slice)
    {
        CheckHolds(slice);
        return _start + slice.FileOffset;
    }

    /// <summary>Gives up one <see cref="Acquire"/>.</summary>
    public void Release()
    {
        lock (s_open)
        {
            if (--_users > 0) return;
            if (s_open.TryGetValue(_path, out var current) && current == this) s_open.Remove(_path);
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
            _file.Dispose();
            _stream.Dispose();
        }
    }

    private static MappedFile Open(WeightSlice slice, string path)
    {
        // An empty file cannot be mapped at all.
        if (LengthNow(path) < slice.FileOffset + slice.ByteLength) throw Short(slice);
        try
        {
            return new MappedFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or OutOfMemoryException)
        {
            throw new ModelFormatException(slice.Path, $"cannot be mapped to read tensor \"{slice.Name}\": {e.Message}", e);
        }
    }

    private void CheckHolds(WeightSlice slice)
    {
        if (Math.Min(_length, _stream.Length) < slice.FileOffset + slice.ByteLength) throw Short(slice);
    }

    private static long LengthNow(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : -1;

    private static ModelFormatException Short(WeightSlice slice) =>
        new(slice.Path, File.Exists(slice.Path)
            ? $"the file ends inside tensor \"{slice.Name}\"; copy or download it again"
            : $"the file with tensor \"{slice.Name}\" is missing");
}
