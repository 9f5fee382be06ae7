using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Add"/>: kernels/ops/add.cu.</summary>
internal static class CudaAdd
{
    public static void Run(CudaBackend backend, CudaRows a, CudaRows b, CudaRows y) =>
        backend.Launch("add", backend.Pick(OpKind.Add), "", new Grid(y.Rows), 0,
            a.Pointer, a.RowStride, b.Pointer, b.RowStride, y.Pointer, y.RowStride, y.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "add", 256)];
}

/// <summary><see cref="Backend.GatherRows"/>: kernels/ops/gather_rows.cu.</summary>
internal static class CudaGatherRows
{
    public static void Run(CudaBackend backend, CudaRows x, ReadOnlySpan<int> rows, CudaRows y) =>
        backend.Launch("gather_rows", backend.Pick(OpKind.GatherRows), "", new Grid(y.Rows), 0,
            x.Pointer, x.RowStride, backend.Indices.BringAlone(rows), y.Pointer, y.RowStride, y.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "gather_rows", 256)];
}

/// <summary><see cref="Backend.MeanRows"/>: kernels/ops/mean_rows.cu.</summary>
internal static class CudaMeanRows
{
    public static void Run(CudaBackend backend, CudaRows x, ReadOnlySpan<int> starts, CudaRows y) =>
        backend.Launch("mean_rows", backend.Pick(OpKind.MeanRows), "", new Grid(y.Rows), 0,
            x.Pointer, x.RowStride, backend.Indices.BringAlone(starts), y.Pointer, y.RowStride, y.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "mean_rows", 256)];
}

/// <summary><see cref="Backend.Pack"/>: kernels/ops/pack.cu.</summary>
internal static class CudaPack
{
    public static void Run(CudaBackend backend, CudaRows x, CudaOperand y) =>
        backend.Launch("pack", backend.Pick(OpKind.Pack), y.Types, new Grid(y.Rows), 0, x.Pointer, x.RowStride, y.Pointer, y.RowStride, y.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "pack", 256)];
}

/// <summary><see cref="Backend.Rope"/>: kernels/ops/rope.cu.</summary>
internal static class CudaRope
{
    public static void Run(CudaBackend backend, CudaRows x, ReadOnlySpan<int> positions, CudaRows cosSin) =>
        backend.Launch("rope", backend.Pick(OpKind.Rope), "", new Grid(x.Rows), 0,
            x.Pointer, x.RowStride, backend.Indices.BringAlone(positions), cosSin.Pointer, cosSin.RowStride,
            x.Columns / cosSin.Columns, cosSin.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "rope", 256)];
}

/// <summary><see cref="Backend.GatedActivation"/>: kernels/ops/gated_activation.cu.</summary>
internal static class CudaGatedActivation
{
    public static void Run(CudaBackend backend, CudaRows gate, CudaRows up, GatedActivationKind kind, CudaOperand y) =>
        backend.Launch("gated_activation", backend.Pick(OpKind.GatedActivation), y.Types, new Grid(y.Rows), 0,
            gate.Pointer, gate.RowStride, up.Pointer, up.RowStride, (int)kind, y.Pointer, y.RowStride, y.Columns);

    public static readonly CudaVariant[] Variants = [new("row_per_block", "gated_activation", 256)];
}
