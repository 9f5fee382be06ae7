using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    /// <summary>Bytes of a deflated tensor that are inflated and packed at a time.</summary>
    private const long ChunkBytes = 1 << 20;

    /// <summary>Receives rows of a matrix, dense, as they lie in the file.</summary>
    private delegate void RowsReader(in WeightScope rows, long first, long count);

    /// <inheritdoc/>
    /// <remarks>BF16 weights stay BF16 under either compute type; others are rounded to BF16 or widened to F32, once, here.</remarks>
    public override Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        OpChecks.LoadMatrix(parts, compute);
        long outputs = 0;
        bool halves = true;
        foreach (var part in parts)
        {
            part.Slice.RequireWeightType();
            outputs += part.Outputs;
            halves &= part.Slice.DType == DType.BF16;
        }
        int inputs = parts[0].Inputs;
        var storage = compute == DType.BF16 || halves ? DType.BF16 : DType.F32;
        var status = srmk_matrix_create(_handle, outputs, inputs, (int)compute, (int)storage, out nint made);
        if (status == SrmkStatus.OutOfMemory)
            throw new BackendException(Name, $"out of memory: a matrix [{outputs}, {inputs}] in {storage} was asked for ({parts[0].Slice})");
        Check(status, nameof(LoadMatrix));
        var handle = new MatrixHandle(made);
        try
        {
            long start = 0;
            foreach (var part in parts)
            {
                Pack(handle, part, start);
                start += part.Outputs;
            }
            return new NativeMatrix(handle, checked((int)outputs), inputs, compute);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override unsafe Tensor LoadVector(WeightSlice slice)
    {
        slice.RequireWeightType();
        int length = checked((int)slice.ElementCount);
        var buffer = (NativeBuffer)Allocate(length);
        try
        {
            ReadRows(slice, length, 1, (in rows, first, count) =>
            {
                var status = srmk_load_vector(
                    _handle, rows.Memory, rows.File, rows.Offset, (int)slice.DType, count, buffer.Handle, first, out long bad);
                rows.Check(status, slice, bad, first);
                Check(status, nameof(LoadVector));
            });
            return new Tensor(buffer, 0, 1, length, length);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override EmbeddingTable OpenEmbedding(WeightSlice slice)
    {
        slice.RequireWeightType();
        if (slice.Shape.Count != 2) throw new ShapeMismatchException(nameof(OpenEmbedding), $"{slice} has {slice.Shape.Count} dimensions, expected 2");
        return new NativeEmbedding(slice);
    }

    private unsafe void Pack(MatrixHandle matrix, MatrixPart part, long outputStart)
    {
        var slice = part.Slice;
        long rowLength = slice.Shape[1];
        int transposed = part.IsTransposed ? 1 : 0;
        ReadRows(slice, slice.Shape[0], rowLength, (in rows, first, count) =>
        {
            var status = srmk_matrix_pack(_handle, matrix, rows.Memory, rows.File, rows.Offset, (int)slice.DType, transposed, outputStart,
                part.Outputs, first, count, out long bad);
            rows.Check(status, slice, bad, first * rowLength);
            Check(status, nameof(LoadMatrix));
        });
    }

    /// <summary>Gives the tensor's rows: all where they lie raw in a file, else in chunks of <see cref="ChunkBytes"/> through one native block.</summary>
    private static void ReadRows(WeightSlice slice, long rowCount, long rowLength, RowsReader read)
    {
        if (slice.ElementCount == 0) return;
        if (slice.FileOffset >= 0)
        {
            using var file = WeightFile.Open(slice);
            using var rows = new WeightScope(file, slice.FileOffset);
            read(rows, 0, rowCount);
            return;
        }
        long rowBytes = rowLength * slice.DType.ByteSize(), chunk = Math.Clamp(ChunkBytes / rowBytes, 1, rowCount);
        using var block = new NativeBlock(chunk * rowBytes);
        using var stream = slice.OpenRead();
        for (long first = 0; first < rowCount; first += chunk)
        {
            long count = Math.Min(chunk, rowCount - first);
            block.Fill(slice, stream, count * rowBytes);
            using var rows = new WeightScope(block);
            read(rows, first, count);
        }
    }
}
