using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary>Without dense products: kernels/ops/sae_encode_mma_sync.cu. Latents pass in chunks whose entries fit a pool whatever is active.</summary>
internal sealed partial class CudaSaeEncode
{
    /// <summary>Entries of the pool, and of the best lists of TopK.</summary>
    private const int PoolEntries = 1 << 22;

    private const int EntryBytes = 2 * sizeof(int), Panel = 32;
    internal static readonly CudaVariant StartKernel = new("tiled", "sae_encode", 32), PartKernels = new("mma_sync", "sae_encode_mma_sync", 256);
    private CudaBlock? _pool, _parts, _best;

    private int FusedTileRows(int k) => Math.Clamp(PoolEntries / Math.Max(k, 1), 1, 512);

    private void FusedTile(CudaVariant variant, CudaOperand x, SaeWeights weights, CudaMatrix w, ICudaSaeSink sink)
    {
        int dSae = weights.DSae, rows = x.Rows, tile = variant.TileColumns;
        int chunk = Math.Min(Math.Max(PoolEntries / rows / tile, 1), Grid.Tiles(dSae, tile)) * tile;
        nint pool = Grown(ref _pool, (long)rows * chunk * EntryBytes);
        nint parts = Grown(ref _parts, (1 + (long)rows * (chunk / Panel)) * EntryBytes), poolCount = parts;
        parts += EntryBytes;  // the count stands before them
        int k = weights.K;
        bool isTopK = weights.Gate.Kind == SaeGateKind.TopK;
        // Counts and bars of the rows, then their best lists.
        nint counts = Grown(ref _best, (2 + 2L * k) * rows * sizeof(int)), least = counts + rows * sizeof(int);
        nint latents = least + rows * sizeof(float), activations = latents + (nint)((long)rows * k * sizeof(int));
        if (isTopK) backend.Device.Fill(counts, 0, 2L * rows * sizeof(int));
        for (int first = 0; first < dSae; first += chunk)
        {
            int count = Math.Min(chunk, dSae - first), panels = Grid.Tiles(count, Panel);
            backend.Device.Fill(poolCount, 0, sizeof(int));
            backend.Launch(Op, variant, w.Types, new Grid(Grid.Tiles(count, tile), Grid.Tiles(rows, variant.TileRows)), variant.Shared(w.Inputs),
                x.Pointer, x.RowStride, w.Pointer, w.RowStride, (int)weights.Gate.Kind, Vector(weights.Scale), Vector(weights.Bias), Vector(weights.Threshold),
                Vector(weights.GateBias), Vector(weights.MagnitudeScale), Vector(weights.MagnitudeBias), isTopK ? least : 0,
                first, count, poolCount, pool, parts, rows, w.Inputs);
            if (isTopK) backend.Launch(Op, PartKernels, "topk", new Grid(rows), 0, pool, parts, panels, k, counts, latents, activations, least);
            else sink.TakeParts(pool, parts, panels, counts);
        }
        if (isTopK) sink.TakeLists(counts, latents, activations, k);
    }
}
