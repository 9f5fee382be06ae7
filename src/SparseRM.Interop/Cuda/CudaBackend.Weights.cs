using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    /// <summary>The share of the free memory that an embedding table may take; of a larger one rows are brought as they are asked for.</summary>
    private const int TableShare = 4;

    private CudaLoader? _loader;

    /// <inheritdoc/>
    /// <remarks>BF16 weights stay BF16 under either compute type; others are rounded to BF16 or widened to F32, once, here.</remarks>
    public override Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        OpChecks.LoadMatrix(this, parts, compute);
        using var call = Enter();
        int outputs = 0, inputs = parts[0].Inputs;
        bool halves = true;
        foreach (var part in parts)
        {
            part.Slice.RequireWeightType();
            outputs = checked(outputs + part.Outputs);
            halves &= part.Slice.DType == DType.BF16;
        }
        var storage = compute == DType.BF16 || halves ? DType.BF16 : DType.F32;
        var block = _arena.AllocateWeights(CudaMatrix.Bytes(outputs, inputs, storage));
        try
        {
            int stride = CudaMatrix.Stride(inputs, storage), size = storage.ByteSize();
            if (stride != inputs) _device.Fill(block.Pointer, 0, block.Size);
            long row = 0;
            foreach (var part in parts)
            {
                nint to = block.Pointer + (nint)(row * stride * size);
                Loader.Load(part.Slice, part.Slice.Shape[0], checked((int)part.Slice.Shape[1]), part.IsTransposed, to, stride, storage);
                row += part.Outputs;
            }
            return new CudaMatrix(block, outputs, inputs, compute, storage);
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Tensor LoadVector(WeightSlice slice)
    {
        slice.RequireWeightType();
        using var call = Enter();
        int length = checked((int)slice.ElementCount);
        var block = _arena.AllocateWeights((long)length * sizeof(float));
        try
        {
            Loader.Load(slice, 1, length, false, block.Pointer, length, DType.F32);
            return new Tensor(new CudaBuffer(block, length), 0, 1, length, length);
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A table of up to a quarter of the free memory is copied to the device, once; of a larger one <see cref="Embed"/> brings the rows it needs.
    /// </remarks>
    public override EmbeddingTable OpenEmbedding(WeightSlice slice)
    {
        slice.RequireWeightType();
        if (slice.Shape.Count != 2)
            throw new ShapeMismatchException(nameof(OpenEmbedding), $"{slice} has {slice.Shape.Count} dimensions, expected 2");
        using var call = Enter();
        bool staysOnHost = slice.ByteLength > _device.Memory().Free / TableShare;
        var host = new NativeEmbedding(slice);
        if (staysOnHost) return new CudaEmbedding(slice, null, host, []);
        using (host) return Copied(slice, host);
    }

    private unsafe CudaEmbedding Copied(WeightSlice slice, NativeEmbedding host)
    {
        int rows = host.Vocabulary, rowBytes = checked(host.DModel * slice.DType.ByteSize());
        var badRows = new HashSet<int>();
        var block = _arena.AllocateWeights(slice.ByteLength);
        try
        {
            int pieceRows = Math.Max(1, StagingBytes / Math.Max(1, rowBytes));
            for (int first = 0; first < rows; first += pieceRows)
            {
                int count = Math.Min(pieceRows, rows - first);
                byte* piece = host.Start + (long)first * rowBytes;
                for (int row = 0; row < count; row++)
                    if (!WeightBytes.AreFinite(piece + (long)row * rowBytes, slice.DType, host.DModel)) badRows.Add(first + row);
                Staging.Upload(piece, block.Pointer + (nint)((long)first * rowBytes), (long)count * rowBytes);
            }
            return new CudaEmbedding(slice, block, null, badRows);
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    private CudaLoader Loader => _loader ??= new CudaLoader(this);
}
