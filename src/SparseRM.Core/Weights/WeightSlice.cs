using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Where a tensor lies in a file: a description, not data. Backends map it or read it.</summary>
public sealed class WeightSlice
{
    private readonly Func<Stream>? _open;

    /// <summary>A tensor whose bytes lie raw in a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the tensor in the file, for messages.</param>
    /// <param name="dtype">Element type, little-endian.</param>
    /// <param name="shape">Dimensions, C order.</param>
    /// <param name="fileOffset">First byte in the file; need not be aligned.</param>
    public WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape, long fileOffset)
        : this(path, name, dtype, shape) => FileOffset = fileOffset;

    /// <summary>A tensor that is not raw in its file (a deflated member): <paramref name="open"/> gives its bytes in order.</summary>
    public WeightSlice(string path, string name, DType dtype, IReadOnlyList<long> shape, Func<Stream> open)
        : this(path, name, dtype, shape) => (FileOffset, _open) = (-1, open);

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
    public Stream OpenRead() => _open is not null ? _open() : new FileSliceStream(Path, FileOffset, ByteLength);

    /// <summary>For messages: <c>path: tensor "name"</c>.</summary>
    public override string ToString() => $"{Path}: tensor \"{Name}\"";
}
