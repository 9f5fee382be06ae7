using SparseRM.Backends;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop.Cuda;

/// <summary>Weights on the device: rows [outputs, inputs] in BF16 or F32, padded with zeros to 16 bytes.</summary>
internal sealed class CudaMatrix(CudaBlock block, int outputs, int inputs, DType compute, DType storage) : Matrix(outputs, inputs, compute)
{
    public nint Pointer => block.Pointer;

    /// <summary>Elements from row to row.</summary>
    public int RowStride => Stride(Inputs, storage);

    /// <summary>The ending of the names of kernels for it: <c>bf16</c>, <c>f32</c>, or <c>f32_bf16</c> for bf16 weights under f32 compute.</summary>
    public string Types { get; } = compute == DType.BF16 ? "bf16" : storage == DType.BF16 ? "f32_bf16" : "f32";

    public override long ResidentBytes => Bytes(Outputs, Inputs, storage);
    public override void Dispose() => block.Dispose();

    public static int Stride(int inputs, DType storage) => storage == DType.BF16 ? (inputs + 7) / 8 * 8 : (inputs + 3) / 4 * 4;
    public static long Bytes(int outputs, int inputs, DType storage) => (long)outputs * Stride(inputs, storage) * storage.ByteSize();
}

/// <summary>A table on the device, or, where it is too large for that, in its file.</summary>
internal sealed class CudaEmbedding(WeightSlice slice, CudaBlock? device, NativeEmbedding? host, HashSet<int> badRows) : EmbeddingTable(slice)
{
    /// <summary>The whole table, rows without gaps, or null.</summary>
    public CudaBlock? Device { get; } = device;

    /// <summary>Where rows are read when <see cref="Device"/> is null.</summary>
    public NativeEmbedding? Host { get; } = host;

    /// <summary>Rows of <see cref="Device"/> that hold a NaN or an infinity; looked for once, so that no op waits for the device.</summary>
    public HashSet<int> BadRows { get; } = badRows;

    public override void Dispose()
    {
        Device?.Dispose();
        Host?.Dispose();
    }
}
