using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary>Where the active latents of a tile of rows go as they are found; chunks of latents come in rising order.</summary>
internal interface ICudaSaeSink
{
    /// <summary>Rows [first, first + rows) follow.</summary>
    void Begin(int first, int rows);

    /// <summary>A chunk's entries: parts [rows, panels] of a pool.</summary>
    /// <param name="pool">Entries.</param>
    /// <param name="parts">Where each panel's are.</param>
    /// <param name="panels">Panels of the chunk.</param>
    /// <param name="scratch">Room for an int a row.</param>
    void TakeParts(nint pool, nint parts, int panels, nint scratch);

    /// <summary>Whole lists: lengths [rows], latents and activations [rows, capacity].</summary>
    void TakeLists(nint lengths, nint latents, nint activations, int capacity);

    /// <summary>The tile's rows are complete.</summary>
    void End();
}

/// <summary>
/// <see cref="Backend.SaeEncode"/> and <see cref="Backend.CountActive"/>: kernels/ops/sae_encode*.cu. Some rows at a time; gate and compaction on
/// the device.
/// </summary>
internal sealed partial class CudaSaeEncode(CudaBackend backend) : IDisposable
{
    /// <summary>Floats of the dense tile of products: what is ever in memory of [n, d_sae].</summary>
    private const int TileFloats = 1 << 24;

    private const string Op = "sae_encode";
    private CudaBlock? _operand, _products, _tileLists;

    /// <summary>Hands over the active latents of all rows of x.</summary>
    public void Run(Tensor x, SaeWeights weights, CudaMatrix w, ICudaSaeSink sink)
    {
        var variant = backend.Pick(OpKind.SaeEncode, w.Types, w.Inputs);
        // The best of a group needs the group's dense products.
        bool isFused = variant != Variants[0] && weights.Gate.Kind != SaeGateKind.GroupMax;
        int dSae = weights.DSae, tileRows = isFused ? FusedTileRows(weights.K) : Math.Clamp(TileFloats / dSae, 1, 512);
        for (int start = 0; start < x.Rows; start += tileRows)
        {
            var tile = Packed(CudaBackend.Rows(x.RowRange(start, Math.Min(tileRows, x.Rows - start))), w.Compute);
            sink.Begin(start, tile.Rows);
            if (isFused) FusedTile(variant, tile, weights, w, sink);
            else DenseTile(tile, weights, w, sink);
            sink.End();
        }
    }

    public void Dispose()
    {
        foreach (var block in new[] { _operand, _products, _tileLists, _pool, _parts, _best }) block?.Dispose();
    }

    private void DenseTile(CudaOperand x, SaeWeights weights, CudaMatrix w, ICudaSaeSink sink)
    {
        int dSae = weights.DSae, capacity = weights.Capacity, rows = x.Rows;
        var products = new CudaRows(Grown(ref _products, (long)rows * dSae * sizeof(float)), rows, dSae, dSae);
        nint counts = Grown(ref _tileLists, (rows + 2L * rows * capacity) * sizeof(int));
        nint listed = counts + rows * sizeof(int), activations = listed + (nint)((long)rows * capacity * sizeof(int));
        CudaMatMul.Run(backend, x, w, null, products);
        backend.Launch(Op, Variants[0], "gate", new Grid(rows), 0,
            products.Pointer, dSae, (int)weights.Gate.Kind, weights.K, Vector(weights.Scale), Vector(weights.Bias), Vector(weights.Threshold), Vector(weights.GateBias),
            Vector(weights.MagnitudeScale), Vector(weights.MagnitudeBias), counts, listed, activations, capacity);
        sink.TakeLists(counts, listed, activations, capacity);
    }

    private CudaOperand Packed(CudaRows x, DType compute)
    {
        int stride = CudaOperand.Stride(x.Columns, compute);
        var operand = new CudaOperand(Grown(ref _operand, (long)x.Rows * stride * sizeof(float)), x.Rows, x.Columns, stride, compute);
        CudaPack.Run(backend, x, operand);
        return operand;
    }

    private nint Grown(ref CudaBlock? block, long bytes)
    {
        if (block is null || block.Size < bytes)
        {
            block?.Dispose();
            block = null;
            block = backend.Arena.Allocate(bytes);
        }
        return block.Pointer;
    }

    private static nint Vector(Tensor? tensor) => tensor is { } there ? CudaBackend.Rows(there).Pointer : 0;

    public static readonly CudaVariant[] Variants =
    [
        new("tiled", "sae_encode", 256),
        new("mma_sync", "sae_encode_mma_sync", 128)
        {
            TileRows = 128,
            TileColumns = 128,
            Shared = _ => CudaMatMul.StageBytes,
            Fits = CudaMatMul.FitsTensorCore,
        },
    ];
}
