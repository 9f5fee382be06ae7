using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.RmsNorm"/>: kernels/ops/rms_norm.cu.</summary>
internal static class CudaRmsNorm
{
    public static void Run(CudaBackend backend, CudaRows x, CudaRows weight, float eps, float unitOffset, CudaRows y)
    {
        int n = weight.Columns, groups = x.Columns / n;
        var variant = backend.Pick(OpKind.RmsNorm);
        backend.Launch("rms_norm", variant, "", new Grid(Grid.Tiles(x.Rows * groups, variant.TileRows)), 0,
            x.Pointer, x.RowStride, weight.Pointer, y.Pointer, y.RowStride, x.Rows, groups, n, eps, unitOffset);
    }

    public static readonly CudaVariant[] Variants = [new("row_per_warp", "rms_norm", 128) { TileRows = 4 }, new("row_per_block", "rms_norm", 256)];
}

/// <summary><see cref="Backend.AddRmsNorm"/>: kernels/ops/add_rms_norm.cu. A variant gives the bits of rms_norm's of the same name.</summary>
internal static class CudaAddRmsNorm
{
    public static void Run(
        CudaBackend backend, CudaRows residual, CudaRows? delta, CudaRows? deltaWeight, CudaRows weight, float eps, float unitOffset, CudaOperand y)
    {
        var variant = backend.Pick(OpKind.AddRmsNorm);
        backend.Launch("add_rms_norm", variant, y.Types, new Grid(Grid.Tiles(y.Rows, variant.TileRows)), 0,
            residual.Pointer, residual.RowStride, delta?.Pointer ?? 0, delta?.RowStride ?? 0, deltaWeight?.Pointer ?? 0, weight.Pointer,
            eps, unitOffset, y.Pointer, y.RowStride, y.Rows, y.Columns);
    }

    public static readonly CudaVariant[] Variants =
        [new("row_per_warp", "add_rms_norm", 128) { TileRows = 4 }, new("row_per_block", "add_rms_norm", 256)];
}
