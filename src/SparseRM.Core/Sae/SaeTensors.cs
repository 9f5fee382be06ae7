using System.Security.Cryptography;
using System.Text;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>Takes the tensors of an SAE with their shapes, remembers what was taken, and makes an id of it.</summary>
internal sealed class SaeTensors(IWeightSource source)
{
    private const int WholeBytes = 1 << 20, SampleBytes = 1 << 16;

    private readonly List<WeightSlice> _taken = [];

    public IWeightSource Source => source;

    /// <summary>The sizes of a matrix as the format means it, whatever the file's order.</summary>
    public (int Rows, int Columns) SizeOf(string name)
    {
        var (slice, transposed) = source.TakeMatrix(name);
        if (slice.Shape.Count != 2 || slice.Shape.Any(size => size is < 1 or > int.MaxValue))
            throw new ModelFormatException(slice.Path, $"tensor \"{name}\" has shape [{string.Join(", ", slice.Shape)}], expected a matrix");
        var (rows, columns) = ((int)slice.Shape[0], (int)slice.Shape[1]);
        return transposed ? (columns, rows) : (rows, columns);
    }

    public WeightMatrix Matrix(string name, int rows, int columns)
    {
        var (foundRows, foundColumns) = SizeOf(name);
        if ((foundRows, foundColumns) != (rows, columns))
            throw new ModelFormatException(source.Path, $"tensor \"{name}\" has shape [{foundRows}, {foundColumns}], expected [{rows}, {columns}]");
        var matrix = source.TakeMatrix(name);
        _taken.Add(matrix.Slice.RequireWeightType());
        return matrix;
    }

    /// <summary>A finite vector of this length.</summary>
    public float[] Vector(string name, int length)
    {
        var slice = source.Take(name, length);
        _taken.Add(slice);
        return slice.ReadSingles();
    }

    /// <summary>One number, as a tensor of any shape with one element, float or integer.</summary>
    public double Scalar(string name)
    {
        var slice = source.Take(name);
        if (slice.ElementCount != 1) throw new ModelFormatException(slice.Path, $"tensor \"{name}\" has {slice.ElementCount} elements, expected 1");
        _taken.Add(slice);
        return slice.DType is Tensors.DType.F32 or Tensors.DType.F64 or Tensors.DType.F16 or Tensors.DType.BF16 ? slice.ReadSingles()[0] : slice.ReadIntegers()[0];
    }

    /// <summary>An old all-ones vector that changes nothing; any other is refused.</summary>
    public void DropOnes(string name)
    {
        if (!source.Contains(name)) return;
        var slice = source.Take(name).RequireWeightType();
        if (slice.ReadSingles().Any(value => Math.Abs(value - 1) > 1e-5))
            throw new ModelFormatException(slice.Path, $"tensor \"{name}\" is not all ones; an SAE with a fine-tuned scaling factor is not supported, fold it into W_enc and W_dec first");
    }

    /// <summary>Format and the first 16 hex digits of a SHA-256 over names, types, shapes and bytes (of large tensors the first 64 KiB) of what was taken.</summary>
    public string Id(string format, string variant)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(variant + "\n"));
        foreach (var slice in _taken.OrderBy(slice => slice.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{slice.Name} {slice.DType} {string.Join(',', slice.Shape)}\n"));
            var bytes = new byte[slice.ByteLength <= WholeBytes ? slice.ByteLength : SampleBytes];
            using var stream = slice.OpenRead();
            if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
                throw new ModelFormatException(slice.Path, $"the file ends inside tensor \"{slice.Name}\"; copy or download it again");
            hash.AppendData(bytes);
        }
        return $"{format}:{Convert.ToHexStringLower(hash.GetHashAndReset()[..8])}";
    }
}
