using SparseRM.Errors;

namespace SparseRM.Weights;

/// <summary>A NumPy .npz file: a zip of .npy arrays, stored (then they can be mapped) or deflated.</summary>
/// <remarks>Opening reads the zip directory and each array's header. Not thread-safe.</remarks>
public sealed class NpzFile : IWeightSource
{
    private readonly Dictionary<string, (ZipMember Member, NpyHeader Header)> _arrays;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    private readonly FileVersion _version;

    private NpzFile(string path, Dictionary<string, (ZipMember, NpyHeader)> arrays, FileVersion version) => (Path, _arrays, _version) = (path, arrays, version);

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _arrays.Keys;

    /// <inheritdoc/>
    public IEnumerable<string> Untaken => _arrays.Keys.Where(name => !_taken.Contains(name));

    /// <summary>Reads the directory and the headers.</summary>
    /// <exception cref="ModelFormatException">Not a complete zip of .npy arrays, or an array whose size contradicts its shape.</exception>
    public static NpzFile Open(string path)
    {
        var version = FileVersion.Of(path);
        var arrays = new Dictionary<string, (ZipMember, NpyHeader)>(StringComparer.Ordinal);
        foreach (var member in ZipDirectory.Read(path))
        {
            if (!member.Name.EndsWith(".npy", StringComparison.Ordinal)) throw new ModelFormatException(path, $"member \"{member.Name}\" is not a .npy array");
            using var stream = OpenMember(path, member);
            var header = NpyHeader.Read(path, member.Name, stream);
            CheckSize(path, member, header);
            arrays.Add(member.Name[..^4], (member, header));
        }
        return new NpzFile(path, arrays, version);
    }

    /// <inheritdoc/>
    /// <exception cref="ModelFormatException">No such array, or a matrix in fortran order, which <see cref="TakeMatrix"/> gives.</exception>
    public WeightSlice Take(string name)
    {
        var matrix = TakeMatrix(name);
        return !matrix.IsTransposed ? matrix.Slice
            : throw new ModelFormatException(Path, $"array \"{name}\" is in fortran order; save it as numpy.ascontiguousarray gives it");
    }

    /// <inheritdoc/>
    public WeightMatrix TakeMatrix(string name)
    {
        if (!_arrays.TryGetValue(name, out var array)) throw new ModelFormatException(Path, $"has no array \"{name}\"");
        var (member, header) = array;
        // A vector, and a matrix with one row or column, lies the same in both orders.
        bool transposed = header.FortranOrder && header.Shape.Count(size => size > 1) > 1;
        if (transposed && header.Shape.Length != 2)
            throw new ModelFormatException(Path, $"array \"{name}\" is in fortran order and has {header.Shape.Length} dimensions; save it as numpy.ascontiguousarray gives it");
        _taken.Add(name);
        long[] shape = transposed ? [header.Shape[1], header.Shape[0]] : header.Shape;
        return new WeightMatrix(member.Deflated
            ? new WeightSlice(Path, name, header.DType, shape, _version, slice => OpenArray(slice, member, header))
            : new WeightSlice(Path, name, header.DType, shape, member.DataOffset + header.Length, _version), transposed);
    }

    private static Stream OpenMember(string path, ZipMember member)
        => member.Deflated ? new InflatedStream(path, member) : new FileSliceStream(path, member.DataOffset, member.Size);

    private static InflatedStream OpenArray(WeightSlice slice, ZipMember member, NpyHeader header)
    {
        var stream = new InflatedStream(slice, member);
        try
        {
            stream.ReadExactly(new byte[header.Length]);
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private static void CheckSize(string path, ZipMember member, NpyHeader header)
    {
        Int128 bytes = Tensors.DTypes.ByteSize(header.DType);
        foreach (long size in header.Shape)
        {
            bytes *= size;
            if (bytes > long.MaxValue) break;
        }
        if (bytes != member.Size - header.Length)
        {
            throw new ModelFormatException(path, $"member \"{member.Name}\" of shape ({string.Join(", ", header.Shape)}) "
                + $"has {member.Size - header.Length} bytes of data, which does not fit its shape and type");
        }
    }
}
