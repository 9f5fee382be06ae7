using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.MatMul"/>: kernels/ops/matmul*.cu, one launch a product, or cuBLASLt.</summary>
internal static class CudaMatMul
{
    public static void Run(CudaBackend backend, CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y)
    {
        if (y.Rows == 0) return;  // what describes no rows is refused
        var variant = backend.Pick(OpKind.MatMul, w.Types, w.Inputs, y.Rows);
        if (variant.IsByCublasLt)
        {
            RunByCublasLt(backend, x, w, bias, y);
            return;
        }
        var grid = new Grid(Grid.Tiles(y.Columns, variant.TileColumns), Grid.Tiles(y.Rows, variant.TileRows));
        if (!variant.TakesTensorMaps)
        {
            backend.Launch("matmul", variant, w.Types, grid, variant.Shared(w.Inputs),
                x.Pointer, x.RowStride, w.Pointer, w.RowStride, bias?.Pointer ?? 0, y.Pointer, y.RowStride, y.Rows, w.Inputs, w.Outputs);
            return;
        }
        backend.Indices.Reserve(2 * CudaTensorMap.Bytes);
        backend.Launch("matmul", variant, w.Types, Persistent(backend, grid), variant.Shared(w.Inputs),
            x.Pointer, x.RowStride, w.Pointer, w.RowStride, bias?.Pointer ?? 0, y.Pointer, y.RowStride, y.Rows, w.Inputs, w.Outputs,
            Map(backend, x, w.Inputs, variant.TileRows), Map(backend, w, variant.TileColumns));
    }

    /// <summary>Kernels of the library may read a bias by 16 bytes whatever its alignment, so one that is less aligned is copied first.</summary>
    private static void RunByCublasLt(CudaBackend backend, CudaOperand x, CudaMatrix w, CudaRows? bias, CudaRows y)
    {
        if (bias is not { } there || there.Pointer % BiasAlignment == 0)
        {
            backend.QueueCublasLt(x, w, bias, y);
            return;
        }
        using var room = backend.Arena.Allocate((long)there.Columns * sizeof(float));
        CudaPack.Run(backend, there, new CudaOperand(room.Pointer, 1, there.Columns, there.Columns, DType.F32));
        backend.QueueCublasLt(x, w, there with { Pointer = room.Pointer }, y);
    }

    /// <summary>A block for each multiprocessor, as long as there are tiles.</summary>
    internal static Grid Persistent(CudaBackend backend, Grid tiles) =>
        new((int)Math.Min((long)tiles.X * tiles.Y, backend.Device.Multiprocessors));

    internal static nint Map(CudaBackend backend, CudaOperand x, int inputs, int boxRows) =>
        CudaTensorMap.Bring(backend, x.Pointer, x.Rows, inputs, x.RowStride, boxRows);

    internal static nint Map(CudaBackend backend, CudaMatrix w, int boxRows) =>
        CudaTensorMap.Bring(backend, w.Pointer, w.Outputs, w.Inputs, w.RowStride, boxRows);

    /// <summary>bf16 rows of 16-byte pieces, which operands have from three columns on.</summary>
    internal static bool FitsTensorCore(string types, int inputs) => types == "bf16" && inputs >= 3;

    /// <summary>Three stages of 128 + 128 rows of 64 bf16: TileProduct::kSharedBytes; four of 32 + 16 rows of 256 are as many.</summary>
    internal const int StageBytes = 98304;

    /// <summary>WgmmaProduct::kSharedBytes.</summary>
    internal const int WgmmaBytes = 197696;

    private const int BiasAlignment = 16;

    public static readonly CudaVariant[] Variants =
    [
        new("tiled", "matmul", 256) { TileRows = 64, TileColumns = 64 },
        new("mma_sync", "matmul_mma_sync", 128) { TileRows = 128, TileColumns = 128, Shared = _ => StageBytes, Fits = FitsTensorCore },
        // The same bits as mma_sync, so that a row's do not depend on how many rows come with it.
        new("skinny", "matmul_skinny", 128) { TileRows = 32, TileColumns = 16, MostRows = 32, Shared = _ => StageBytes, Fits = FitsTensorCore },
        new("wgmma_tma", "matmul_wgmma_tma", 384)
        {
            Capability = 90,
            TileRows = 128,
            TileColumns = 256,
            TakesTensorMaps = true,
            Shared = _ => WgmmaBytes,
            Fits = FitsTensorCore,
            IsProven = false,
        },
        // What others are compared with: the library takes another algorithm for another number of rows.
        new("cublaslt", "", 0) { IsByCublasLt = true, Fits = FitsTensorCore, IsProven = false, IsBatchInvariant = false },
    ];
}

/// <summary><see cref="Backend.GatedMatMul"/>: kernels/ops/gated_matmul*.cu; the products stay in registers.</summary>
internal static class CudaGatedMatMul
{
    public static void Run(CudaBackend backend, CudaOperand x, CudaMatrix gate, CudaMatrix up, GatedActivationKind kind, CudaOperand y)
    {
        if (y.Rows == 0) return;
        var variant = backend.Pick(OpKind.GatedMatMul, gate.Types, gate.Inputs);
        var grid = new Grid(Grid.Tiles(y.RowStride, variant.TileColumns), Grid.Tiles(y.Rows, variant.TileRows));
        if (!variant.TakesTensorMaps)
        {
            backend.Launch("gated_matmul", variant, gate.Types, grid, variant.Shared(gate.Inputs),
                x.Pointer, x.RowStride, gate.Pointer, up.Pointer, gate.RowStride, (int)kind,
                y.Pointer, y.RowStride, y.Rows, gate.Inputs, gate.Outputs);
            return;
        }
        backend.Indices.Reserve(3 * CudaTensorMap.Bytes);
        backend.Launch("gated_matmul", variant, gate.Types, CudaMatMul.Persistent(backend, grid), variant.Shared(gate.Inputs),
            x.Pointer, x.RowStride, gate.Pointer, up.Pointer, gate.RowStride, (int)kind, y.Pointer, y.RowStride, y.Rows, gate.Inputs, gate.Outputs,
            CudaMatMul.Map(backend, x, gate.Inputs, variant.TileRows), CudaMatMul.Map(backend, gate, variant.TileColumns),
            CudaMatMul.Map(backend, up, variant.TileColumns));
    }

    public static readonly CudaVariant[] Variants =
    [
        new("tiled", "gated_matmul", 256) { TileRows = 64, TileColumns = 64 },
        new("mma_sync", "gated_matmul_mma_sync", 128)
        {
            TileRows = 128,
            TileColumns = 64,
            Shared = _ => CudaMatMul.StageBytes,
            Fits = CudaMatMul.FitsTensorCore,
        },
        new("wgmma_tma", "gated_matmul_wgmma_tma", 384)
        {
            Capability = 90,
            TileRows = 128,
            TileColumns = 128,
            TakesTensorMaps = true,
            Shared = _ => CudaMatMul.WgmmaBytes,
            Fits = CudaMatMul.FitsTensorCore,
            IsProven = false,
        },
    ];
}
