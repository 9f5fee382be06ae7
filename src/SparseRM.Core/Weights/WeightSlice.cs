using Microsoft.Win32.SafeHandles;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Where a tensor lies in a file: a description, not data. Backends map it or read it.</summary>
public sealed class WeightSlice
{
    private readonly Func<WeightSlice, Stream>? _open;
    private readonly FileVersion? _version;

    /// <summary>A tensor whose bytes lie raw in a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the tensor in the file, for messages.</param>
    /// <param name="dtype">Element type, little-endian.</param>
    /// <param name="shape">Dimensions, C order.</param>
    /// <param name="fileOffset">First byte in the file; need not be aligned.</param>
    /// <param name="version">The file in which it was found there, where that is known: no other is read.</param>
    public WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape, long fileOffset, FileVersion? version = null)
        : this(path, name, dtype, shape) => (FileOffset, _version) = (fileOffset, version);

    /// <summary>A tensor that is not raw in its file (a deflated member): <paramref name="open"/> gives its bytes in order.</summary>
    public WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape, Func<Stream> open)
        : this(path, name, dtype, shape) => (FileOffset, _open) = (-1, _ => open());

    /// <summary>A tensor that is not raw in its file, of which no other version is read: <paramref name="open"/> is given the slice, and opens the file by its <see cref="RequireSame"/>.</summary>
    internal WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape, FileVersion version, Func<WeightSlice, Stream> open)
        : this(path, name, dtype, shape) => (FileOffset, _version, _open) = (-1, version, open);

    private WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape)
    {
        (Path, Name, DType, Shape) = (path, name, dtype, shape);
        ElementCount = shape.Aggregate(1L, (product, size) => checked(product * size));
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The tensor's name in the file.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Dimensions, C order.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Product of <see cref="Shape"/>.</summary>
    public long ElementCount { get; }

    /// <summary>Bytes of the tensor.</summary>
    public long ByteLength => ElementCount * DType.ByteSize();

    /// <summary>First byte in the file, or -1 where the bytes are not raw and <see cref="OpenRead"/> is the only way.</summary>
    public long FileOffset { get; }

    /// <summary>The tensor's bytes from the first to the last; the caller disposes the stream.</summary>
    /// <exception cref="ModelFormatException">The file cannot be opened, or is another than the one in which the tensor was found.</exception>
    public Stream OpenRead() => _open is not null ? _open(this) : new FileSliceStream(this);

    /// <summary>A part of it that is raw in the same file.</summary>
    /// <param name="shape">Its dimensions.</param>
    /// <param name="start">Bytes of the tensor before it.</param>
    public WeightSlice Part(IReadOnlyList<long> shape, long start) => new(Path, Name, DType, shape, FileOffset + start, _version);

    /// <summary>Refuses an open file that is not the one in which the tensor was found.</summary>
    /// <exception cref="ModelFormatException">It was replaced or written since.</exception>
    public void RequireSame(SafeFileHandle file)
    {
        if (_version is { } found && found != FileVersion.Of(file)) throw Replaced();
    }

    /// <summary>The error of a file that is no longer what it was.</summary>
    public ModelFormatException Replaced() => new(Path,
        $"the file was replaced or written since it was opened (reading tensor \"{Name}\"); close whatever uses it, and open it again");

    /// <summary>For messages: <c>path: tensor "name"</c>.</summary>
    public override string ToString() => $"{Path}: tensor \"{Name}\"";
}
