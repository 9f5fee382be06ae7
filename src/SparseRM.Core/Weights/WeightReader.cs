using System.Buffers.Binary;
using System.Runtime.InteropServices;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Weights;

/// <summary>Reads a slice into managed floats: for vectors, for small files and for the reference backend, never for a native matrix.</summary>
public static class WeightReader
{
    private const int Block = 1 << 20;

    /// <summary>All elements as floats (F64 is rounded).</summary>
    /// <exception cref="ModelFormatException">
    /// The file ends early, there are more elements than one array holds, or an element is NaN or infinite and <paramref name="requireFinite"/>.
    /// </exception>
    public static float[] ReadSingles(this WeightSlice slice, bool requireFinite = true)
    {
        if (slice.ElementCount > Array.MaxLength)
            throw new ModelFormatException(slice.Path, $"tensor \"{slice.Name}\" has {slice.ElementCount} elements; at most {Array.MaxLength} can be read at once");
        var values = new float[slice.ElementCount];
        var bytes = new byte[Math.Min(values.Length, Block) * slice.DType.ByteSize()];
        using var stream = slice.OpenRead();
        for (int start = 0; start < values.Length; start += Block)
        {
            var block = values.AsSpan(start, Math.Min(Block, values.Length - start));
            var read = bytes.AsSpan(0, block.Length * slice.DType.ByteSize());
            ReadExactly(slice, stream, read);
            Widen(slice, read, block);
            if (requireFinite) RequireFinite(slice, start, block);
        }
        return values;
    }

    /// <summary>All elements as 64-bit integers, for the integer types.</summary>
    public static long[] ReadIntegers(this WeightSlice slice)
    {
        int size = slice.DType.ByteSize();
        var bytes = new byte[checked((int)slice.ByteLength)];
        using (var stream = slice.OpenRead()) ReadExactly(slice, stream, bytes);
        var values = new long[slice.ElementCount];
        for (int i = 0; i < values.Length; i++)
        {
            var at = bytes.AsSpan(i * size);
            values[i] = slice.DType switch
            {
                DType.I64 => BinaryPrimitives.ReadInt64LittleEndian(at),
                DType.I32 => BinaryPrimitives.ReadInt32LittleEndian(at),
                DType.I16 => BinaryPrimitives.ReadInt16LittleEndian(at),
                DType.I8 => (sbyte)at[0],
                DType.U8 or DType.Bool => at[0],
                _ => throw new ModelFormatException(slice.Path, $"tensor \"{slice.Name}\" is {slice.DType}, expected integers"),
            };
        }
        return values;
    }

    /// <summary>Receives row <paramref name="index"/>; the span is only valid during the call.</summary>
    public delegate void RowReader(long index, ReadOnlySpan<float> row);

    /// <summary>Streams the tensor as rows of <paramref name="rowLength"/> floats, holding one row at a time.</summary>
    public static void ReadRows(this WeightSlice slice, int rowLength, RowReader read, bool requireFinite = true)
    {
        if (slice.ElementCount == 0) return;
        int size = slice.DType.ByteSize();
        var bytes = new byte[(long)rowLength * size];
        var row = new float[rowLength];
        using var stream = new BufferedStream(slice.OpenRead(), 1 << 20);
        for (long i = 0; i < slice.ElementCount / rowLength; i++)
        {
            ReadExactly(slice, stream, bytes);
            Widen(slice, bytes, row);
            if (requireFinite) RequireFinite(slice, i * rowLength, row);
            read(i, row);
        }
    }

    /// <summary>Refuses NaN and infinities, with the position of the first.</summary>
    private static void RequireFinite(WeightSlice slice, long start, ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                throw new ModelFormatException(slice.Path, $"tensor \"{slice.Name}\" has {values[i]} at element {start + i}; weights must be finite");
        }
    }

    private static void ReadExactly(WeightSlice slice, Stream stream, Span<byte> bytes)
    {
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
            throw new ModelFormatException(slice.Path, $"the file ends inside tensor \"{slice.Name}\"; copy or download it again");
    }

    private static void Widen(WeightSlice slice, ReadOnlySpan<byte> bytes, Span<float> row)
    {
        switch (slice.DType)
        {
            case DType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(row);
                break;
            case DType.BF16:
                var halves = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (int i = 0; i < row.Length; i++) row[i] = BFloat16.ToSingle(halves[i]);
                break;
            case DType.F16:
                var singles = MemoryMarshal.Cast<byte, Half>(bytes);
                for (int i = 0; i < row.Length; i++) row[i] = (float)singles[i];
                break;
            case DType.F64:
                var doubles = MemoryMarshal.Cast<byte, double>(bytes);
                for (int i = 0; i < row.Length; i++) row[i] = (float)doubles[i];
                break;
            default:
                throw new ModelFormatException(slice.Path, $"tensor \"{slice.Name}\" is {slice.DType}, expected floating point");
        }
    }
}
