using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop;

/// <summary>An open file with weights, from which the kernels read what they need when they need it.</summary>
/// <remarks>
/// Not mapped: a mapped page stays resident until it is let go, costs a fault, and one of a file that shrank ends the process (SIGBUS). A file
/// that ends before the tensor is refused when it is opened and wherever it is read. One that is replaced under its name is read on as it was.
/// </remarks>
internal sealed class WeightFile : IDisposable
{
    private readonly WeightSlice _slice;
    private readonly SafeFileHandle _handle;

    private WeightFile(WeightSlice slice, SafeFileHandle handle) => (_slice, _handle) = (slice, handle);

    /// <summary>Opens the slice's file.</summary>
    /// <exception cref="ModelFormatException">The file is missing, unreadable, or ends inside the tensor.</exception>
    public static WeightFile Open(WeightSlice slice)
    {
        try
        {
            var file = new WeightFile(slice, File.OpenHandle(slice.Path, share: FileShare.ReadWrite | FileShare.Delete));
            if (RandomAccess.GetLength(file._handle) >= slice.FileOffset + slice.ByteLength) return file;
            file.Dispose();
            throw Truncated(slice);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(slice.Path, $"the file with tensor \"{slice.Name}\" is missing", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ModelFormatException(slice.Path, $"cannot be opened to read tensor \"{slice.Name}\": {e.Message}", e);
        }
    }

    /// <summary>The file's descriptor, valid until <see cref="Release"/>, which must follow.</summary>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public int Acquire()
    {
        bool held = false;
        _handle.DangerousAddRef(ref held);
        return (int)_handle.DangerousGetHandle();
    }

    /// <summary>Gives up one <see cref="Acquire"/>.</summary>
    public void Release() => _handle.DangerousRelease();

    /// <summary>What a failed read means: the file has become too short, or the system's own words.</summary>
    public ModelFormatException Unreadable(string problem) =>
        RandomAccess.GetLength(_handle) < _slice.FileOffset + _slice.ByteLength
            ? Truncated(_slice)
            : new ModelFormatException(_slice.Path, $"tensor \"{_slice.Name}\" cannot be read: {problem}");

    /// <summary>Reads a few bytes.</summary>
    public void Read(Span<byte> bytes, long offset)
    {
        if (RandomAccess.Read(_handle, bytes, offset) < bytes.Length) throw Truncated(_slice);
    }

    public void Dispose() => _handle.Dispose();

    /// <summary>The refusal of a file that ends before its tensor does.</summary>
    public static ModelFormatException Truncated(WeightSlice slice) =>
        new(slice.Path, $"the file ends inside tensor \"{slice.Name}\"; copy or download it again");
}

/// <summary>Weights as the native side sees them: bytes of an open file, or of a block; holds the file until it is disposed.</summary>
internal readonly unsafe ref struct WeightScope : IDisposable
{
    public readonly void* Memory;
    public readonly int File = -1;
    public readonly long Offset;
    private readonly WeightFile? _file;

    public WeightScope(WeightFile file, long offset) => (File, Offset, _file) = (file.Acquire(), offset, file);

    public WeightScope(NativeBlock block) => Memory = block.Start;

    /// <summary>Throws where reading failed, or element <paramref name="bad"/> of these, start + bad of the slice, is not finite.</summary>
    /// <exception cref="ModelFormatException">The file cannot be read, ends early, or a weight is not finite.</exception>
    public void Check(SrmkStatus status, WeightSlice slice, long bad, long start)
    {
        if (status == SrmkStatus.Unreadable && _file is not null) throw _file.Unreadable(NativeBackend.LastError);
        if (status != SrmkStatus.NonFinite) return;
        int size = slice.DType.ByteSize();
        Span<byte> bits = stackalloc byte[size];
        if (_file is null) new ReadOnlySpan<byte>((byte*)Memory + bad * size, size).CopyTo(bits);
        else _file.Read(bits, Offset + bad * size);
        throw new ModelFormatException(
            slice.Path, $"tensor \"{slice.Name}\" has {Widen(slice.DType, bits)} at element {start + bad}; weights must be finite");
    }

    public void Dispose() => _file?.Release();

    private static float Widen(DType dtype, ReadOnlySpan<byte> bits) => dtype switch
    {
        DType.F32 => BitConverter.ToSingle(bits),
        DType.F16 => (float)BitConverter.ToHalf(bits),
        _ => BFloat16.ToSingle(BitConverter.ToUInt16(bits)),
    };
}
