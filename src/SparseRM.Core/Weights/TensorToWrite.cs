using System.Runtime.InteropServices;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>A named tensor for <see cref="SafetensorsWriter"/>: whole in memory, or produced row by row while the file is written.</summary>
public sealed class TensorToWrite
{
    private readonly Action<Stream> _write;

    private TensorToWrite(string name, DType dtype, IReadOnlyList<long> shape, Action<Stream> write)
        => (Name, DType, Shape, _write) = (name, dtype, shape, write);

    /// <summary>The tensor's name in the file.</summary>
    public string Name { get; }

    /// <summary>Element type in the file.</summary>
    public DType DType { get; }

    /// <summary>Dimensions, C order.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Bytes of the tensor.</summary>
    public long ByteLength => Shape.Aggregate(1L, (product, size) => checked(product * size)) * DType.ByteSize();

    /// <summary>Fills row <paramref name="index"/> of a tensor that is produced while it is written.</summary>
    public delegate void RowFiller(long index, Span<float> row);

    /// <summary>Floats as F32.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as there are.</exception>
    public static TensorToWrite Singles(string name, ReadOnlyMemory<float> values, params ReadOnlySpan<long> shape)
        => new(name, DType.F32, Checked(name, values.Length, shape), stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>64-bit integers as I64.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as there are.</exception>
    public static TensorToWrite Integers(string name, ReadOnlyMemory<long> values, params ReadOnlySpan<long> shape)
        => new(name, DType.I64, Checked(name, values.Length, shape), stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>32-bit integers as I32.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as there are.</exception>
    public static TensorToWrite Integers(string name, ReadOnlyMemory<int> values, params ReadOnlySpan<long> shape)
        => new(name, DType.I32, Checked(name, values.Length, shape), stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>An F32 matrix [rows, columns] of which one row at a time is in memory; rows are asked for once each, in order.</summary>
    public static TensorToWrite Rows(string name, long rows, int columns, RowFiller fill)
        => new(name, DType.F32, [rows, columns], stream =>
        {
            var row = new float[columns];
            for (long i = 0; i < rows; i++)
            {
                fill(i, row);
                stream.Write(MemoryMarshal.AsBytes<float>(row));
            }
        });

    /// <summary>Writes the elements, little-endian, C order.</summary>
    internal void WriteTo(Stream stream) => _write(stream);

    private static long[] Checked(string name, int count, ReadOnlySpan<long> shape)
    {
        long product = 1;
        foreach (long size in shape) product = checked(product * size);
        return product == count ? shape.ToArray() : throw new ArgumentException($"tensor \"{name}\" of shape [{string.Join(", ", shape.ToArray())}] has {count} elements");
    }
}
