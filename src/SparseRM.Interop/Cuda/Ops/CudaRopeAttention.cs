using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.RopeAttention"/>: kernels/ops/rope_attention.cu, then attention over what it packed.</summary>
internal static class CudaRopeAttention
{
    /// <summary>Whether the selected variants rotate and pack in one kernel, for these operands.</summary>
    public static bool Fits(CudaBackend backend, in AttentionOptions options, Operand y)
    {
        string types = CudaBackend.Rows(y).Types;
        return backend.Pick(OpKind.RopeAttention, types, options.DHead) != Variants[0] && backend.Pick(OpKind.Attention, types, options.DHead).PacksInputs;
    }

    /// <summary>Queues what writes the rotated q and k, and v, as dense bf16 rows.</summary>
    public static void Pack(
        CudaBackend backend, CudaRows q, ReadOnlySpan<int> positions, CudaRows k, CudaRows v, ReadOnlySpan<int> keyPositions, CudaRows cosSin,
        nint toQ, nint toK, nint toV) =>
        backend.Launch("rope_attention", Variants[^1], "bf16", new Grid(q.Rows + k.Rows), 0,
            q.Pointer, q.RowStride, backend.Indices.Bring(positions), q.Rows, q.Columns,
            k.Pointer, k.RowStride, v.Pointer, v.RowStride, backend.Indices.Bring(keyPositions), k.Columns,
            cosSin.Pointer, cosSin.RowStride, cosSin.Columns, toQ, toK, toV);

    public static readonly CudaVariant[] Variants =
    [
        // Rope, rope, attention: no kernel of its own.
        new("composed", "rope", 256),
        new("rope_pack", "rope_attention", 256) { Fits = (types, _) => types == "bf16" },
    ];
}
