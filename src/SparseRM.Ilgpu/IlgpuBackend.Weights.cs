using ILGPU;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Elements that are converted on the host before they are sent.</summary>
    private const int ChunkLength = 1 << 20;

    /// <inheritdoc/>
    /// <remarks>BF16 weights stay BF16 under either compute type; others are rounded to BF16 or widened to F32, once, here.</remarks>
    public override Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        OpChecks.LoadMatrix(this, parts, compute);
        int inputs = parts[0].Inputs, outputs = 0;
        bool halves = true;
        foreach (var part in parts)
        {
            IlgpuEmbedding.RequireFile(part.Slice.RequireWeightType());
            outputs = checked(outputs + part.Outputs);
            halves &= part.Slice.DType == DType.BF16;
        }
        var matrix = new IlgpuMatrix(_device, outputs, inputs, compute, compute == DType.BF16 || halves ? DType.BF16 : DType.F32);
        try
        {
            int start = 0;
            foreach (var part in parts)
            {
                long at = (long)start * inputs, length = (long)part.Outputs * inputs;
                if (matrix.Storage == DType.BF16) Load<ushort, Bf16>(part, matrix.Halves.Data.SubView(at, length));
                else Load<float, Single32>(part, matrix.Singles.Data.SubView(at, length));
                start += part.Outputs;
            }
            return matrix;
        }
        catch
        {
            matrix.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override Tensor LoadVector(WeightSlice slice)
    {
        var values = IlgpuEmbedding.RequireFile(slice.RequireWeightType()).ReadSingles();
        var buffer = Allocate(values.Length);
        try
        {
            var tensor = new Tensor(buffer, 0, 1, values.Length, values.Length);
            Upload(values, tensor);
            return tensor;
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
        if (slice.Shape.Count != 2)
            throw new ShapeMismatchException(nameof(OpenEmbedding), $"{slice} has {slice.Shape.Count} dimensions, expected 2");
        return new IlgpuEmbedding(slice);
    }

    /// <summary>Sends the rows of a part's file, some at a time, as they are or transposed on the device.</summary>
    private void Load<T, ST>(MatrixPart part, ArrayView<T> matrix) where T : unmanaged where ST : struct, IElement<T>
    {
        int columns = checked((int)part.Slice.Shape[1]), rows = checked((int)part.Slice.Shape[0]);
        int chunkRows = Math.Clamp(ChunkLength / Math.Max(columns, 1), 1, Math.Max(rows, 1));
        var chunk = new T[(long)chunkRows * columns];
        int held = 0, first = 0;
        part.Slice.ReadRows(columns, (_, row) =>
        {
            var to = chunk.AsSpan(held * columns, columns);
            for (int i = 0; i < to.Length; i++) to[i] = default(ST).Narrow(row[i]);
            held++;
            if (held < chunkRows && first + held < rows) return;
            ReadOnlySpan<T> values = chunk.AsSpan(0, held * columns);
            if (part.IsTransposed) _transpose.Run(values, columns, matrix, part.Inputs, first);
            else _device.Upload(values, matrix.SubView((long)first * columns, values.Length));
            (first, held) = (first + held, 0);
        });
    }
}
