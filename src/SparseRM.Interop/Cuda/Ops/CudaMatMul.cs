using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.MatMul"/>: kernels/ops/matmul*.cu, one launch a product.</summary>
internal static class CudaMatMul
{
    public static void Run(CudaBackend backend, CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y)
    {
        var variant = backend.Pick(OpKind.MatMul, w.Types, w.RowStride);
        var grid = new Grid(Grid.Tiles(y.Columns, variant.TileColumns), Grid.Tiles(y.Rows, variant.TileRows));
        backend.Launch("matmul", variant, w.Types, grid, variant.Shared(w.RowStride),
            x.Pointer, x.RowStride, w.Pointer, w.RowStride, bias?.Pointer ?? 0, y.Pointer, y.RowStride, y.Rows, w.Inputs, w.Outputs);
    }

    public static readonly CudaVariant[] Variants = [new("tiled", "matmul", 256) { TileRows = 64, TileColumns = 64 }];
}

/// <summary><see cref="Backend.GatedMatMul"/>: kernels/ops/gated_matmul*.cu; the products stay in registers.</summary>
internal static class CudaGatedMatMul
{
    public static void Run(CudaBackend backend, CudaOperand x, CudaMatrix gate, CudaMatrix up, GatedActivationKind kind, CudaOperand y)
    {
        var variant = backend.Pick(OpKind.GatedMatMul, gate.Types, gate.RowStride);
        var grid = new Grid(Grid.Tiles(y.RowStride, variant.TileColumns), Grid.Tiles(y.Rows, variant.TileRows));
        backend.Launch("gated_matmul", variant, gate.Types, grid, variant.Shared(gate.RowStride),
            x.Pointer, x.RowStride, gate.Pointer, up.Pointer, gate.RowStride, (int)kind, y.Pointer, y.RowStride, y.Rows, gate.Inputs, gate.Outputs);
    }

    public static readonly CudaVariant[] Variants = [new("tiled", "gated_matmul", 256) { TileRows = 64, TileColumns = 64 }];
}
