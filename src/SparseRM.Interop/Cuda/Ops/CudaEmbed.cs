using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Embed"/>: kernels/ops/embed.cu, from the table on the device or from rows that are brought from its file.</summary>
internal static class CudaEmbed
{
    public static void Run(CudaBackend backend, CudaEmbedding table, ReadOnlySpan<int> ids, float scale, CudaRows y)
    {
        if (table.Device is { } whole)
        {
            foreach (int id in ids)
                if (table.BadRows.Contains(id)) Refuse(table, id);
            Launch(backend, table, whole.Pointer, ids, scale, y);
            return;
        }
        // Given back when the work is queued, not when it is done: who gets this memory next writes it after.
        using var rows = backend.Arena.Allocate((long)ids.Length * table.DModel * table.Slice.DType.ByteSize());
        Gather(backend, table, ids, rows.Pointer);
        Span<int> inOrder = ids.Length <= 1024 ? stackalloc int[ids.Length] : new int[ids.Length];
        for (int i = 0; i < inOrder.Length; i++) inOrder[i] = i;
        Launch(backend, table, rows.Pointer, inOrder, scale, y);
    }

    private static void Launch(CudaBackend backend, CudaEmbedding table, nint rows, ReadOnlySpan<int> ids, float scale, CudaRows y) =>
        backend.Launch("embed", backend.Pick(OpKind.Embed), table.Slice.DType.Name().ToLowerInvariant(), new Grid(y.Rows), 0,
            rows, table.DModel, backend.Indices.BringAlone(ids), scale, y.Pointer, y.RowStride);

    private static unsafe void Gather(CudaBackend backend, CudaEmbedding table, ReadOnlySpan<int> ids, nint to)
    {
        int rowBytes = table.DModel * table.Slice.DType.ByteSize();
        byte* start = table.Host!.Start;
        var rows = new nint[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            byte* row = start + (long)ids[i] * rowBytes;
            if (!WeightBytes.AreFinite(row, table.Slice.DType, table.DModel)) Refuse(table, ids[i]);
            rows[i] = (nint)row;
        }
        backend.UploadRows(rows, rowBytes, to);
        GC.KeepAlive(table);
    }

    private static void Refuse(CudaEmbedding table, int id) => throw new ModelFormatException(table.Slice.Path,
        $"tensor \"{table.Slice.Name}\" has a NaN or an infinity in the row of token {id}; weights must be finite");

    public static readonly CudaVariant[] Variants = [new("row_per_block", "embed", 256)];
}
