using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Conformance;

/// <summary>Raw weights in temporary files.</summary>
public sealed class WeightFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sparserm-weights-").FullName;
    private int _count;

    /// <summary>Writes the values as <paramref name="dtype"/> at an odd offset, with bytes around that are not weights.</summary>
    public WeightSlice Write(ReadOnlySpan<float> values, DType dtype, params long[] shape)
    {
        string path = Path.Combine(_folder, $"{_count++}.bin");
        File.WriteAllBytes(path, [255, 255, 255, .. Bytes(values, dtype), 255, 255]);
        return new WeightSlice(path, $"tensor{_count}", dtype, shape, 3);
    }

    /// <summary>The same as a stream that gives few bytes at a time, like a deflated member.</summary>
    public static WeightSlice Stream(ReadOnlySpan<float> values, DType dtype, params long[] shape)
    {
        var bytes = Bytes(values, dtype);
        return new WeightSlice("archive.npz", "streamed", dtype, shape, () => new TrickleStream(bytes));
    }

    public void Dispose() => Directory.Delete(_folder, true);

    private static byte[] Bytes(ReadOnlySpan<float> values, DType dtype)
    {
        int size = dtype.ByteSize();
        var bytes = new byte[values.Length * size];
        for (int i = 0; i < values.Length; i++)
        {
            var at = bytes.AsSpan(i * size);
            if (dtype == DType.F32) BitConverter.TryWriteBytes(at, values[i]);
            else if (dtype == DType.F16) BitConverter.TryWriteBytes(at, (Half)values[i]);
            else BitConverter.TryWriteBytes(at, BFloat16.FromSingle(values[i]));
        }
        return bytes;
    }

    private sealed class TrickleStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1001)]);
    }
}
