using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    /// <summary>Bytes of weights packed at a time: what of a mapped file or a stream is resident beside the packed matrix.</summary>
    private const long ChunkBytes = 32 << 20;

    /// <summary>Receives some rows of a matrix, dense, as they lie in the file.</summary>
    private unsafe delegate void RowsReader(byte* rows, long first, long count);

    /// <inheritdoc/>
    public override string? Refusal(DType compute) => compute == DType.I8 ? RefusalOfI8(Variants(OpKind.MatMul)) : base.Refusal(compute);

    /// <summary>Why a machine that runs these variants of MatMul computes nothing in I8, or null: plain loops would take hours.</summary>
    internal static string? RefusalOfI8(IEnumerable<KernelVariant> variants) => variants.Any(variant => variant.Supported && variant.Name != "scalar") ? null
        : "products in I8 need a processor with AVX2, which this one lacks; use dtype bf16 or f32";

    /// <inheritdoc/>
    /// <remarks>BF16 weights stay BF16 under F32 and BF16 compute; others are rounded to BF16 or I8, or widened to F32, once, here.</remarks>
    public override Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        OpChecks.LoadMatrix(this, parts, compute);
        long outputs = 0;
        bool halves = true;
        foreach (var part in parts)
        {
            part.Slice.RequireWeightType();
            outputs += part.Outputs;
            halves &= part.Slice.DType == DType.BF16;
        }
        int inputs = parts[0].Inputs;
        var storage = compute != DType.F32 ? compute : halves ? DType.BF16 : DType.F32;
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
            ReadRows(slice, length, 1, (rows, first, count) =>
                CheckFinite(srmk_load_vector(_handle, rows, (int)slice.DType, count, buffer.Handle, first, out long bad), slice, rows, bad, first));
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
        ReadRows(slice, slice.Shape[0], rowLength, (rows, first, count) =>
        {
            int transposed = part.IsTransposed ? 1 : 0;
            var status = srmk_matrix_pack(
                _handle, matrix, rows, (int)slice.DType, transposed, outputStart, part.Outputs, first, count, out long bad);
            CheckFinite(status, slice, rows, bad, first * rowLength);
        });
    }

    /// <summary>Gives the tensor's rows in chunks of about <see cref="ChunkBytes"/>: pointers into the mapped file, else through one native block.</summary>
    private static unsafe void ReadRows(WeightSlice slice, long rowCount, long rowLength, RowsReader read)
    {
        if (slice.ElementCount == 0) return;
        long rowBytes = rowLength * slice.DType.ByteSize(), chunk = Math.Clamp(ChunkBytes / rowBytes, 1, rowCount);
        if (slice.FileOffset >= 0 && !CopiedRows.Wanted)
        {
            var file = MappedFile.Acquire(slice);
            try
            {
                srmk_expect_pages(file.At(slice), chunk * rowBytes);
                for (long first = 0; first < rowCount; first += chunk)
                {
                    long count = Math.Min(chunk, rowCount - first);
                    byte* rows = file.At(slice) + first * rowBytes;
                    // Keeps a disk busy while these are packed.
                    srmk_expect_pages(rows + count * rowBytes, Math.Min(chunk, rowCount - first - count) * rowBytes);
                    read(rows, first, count);
                    srmk_release_pages(rows, count * rowBytes);
                }
            }
            finally
            {
                file.Release();
            }
            return;
        }
        using var block = new NativeBlock(chunk * rowBytes);
        using var stream = slice.OpenRead();
        for (long first = 0; first < rowCount; first += chunk)
        {
            long count = Math.Min(chunk, rowCount - first);
            block.Fill(slice, stream, count * rowBytes);
            read(block.Start, first, count);
        }
    }

    private static unsafe void CheckFinite(SrmkStatus status, WeightSlice slice, byte* rows, long bad, long start)
    {
        if (status != SrmkStatus.NonFinite)
        {
            Check(status, "weights");
            return;
        }
        var bits = new ReadOnlySpan<byte>(rows + bad * slice.DType.ByteSize(), slice.DType.ByteSize());
        throw new ModelFormatException(
            slice.Path, $"tensor \"{slice.Name}\" has {Widen(slice.DType, bits)} at element {start + bad}; weights must be finite");
    }

    internal static float Widen(DType dtype, ReadOnlySpan<byte> bits) => dtype switch
    {
        DType.F32 => BitConverter.ToSingle(bits),
        DType.F16 => (float)BitConverter.ToHalf(bits),
        _ => BFloat16.ToSingle(BitConverter.ToUInt16(bits)),
    };
}
