using System.Runtime.CompilerServices;
using SparseRM.Backends;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Attention"/>: kernels/ops/attention*.cu. A block computes a tile of one segment's queries for one head.</summary>
internal static class CudaAttention
{
    public static void Run(
        CudaBackend backend, CudaRows q, CudaRows k, CudaRows v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments,
        in AttentionOptions options, CudaOperand y)
    {
        var variant = backend.Pick(OpKind.Attention, y.Types, options.DHead);
        var tiles = Tiles(backend, segments, variant.TileRows);
        if (tiles.Length == 0) return;
        backend.Indices.Reserve(positions.Length * sizeof(int) + segments.Length * Unsafe.SizeOf<AttentionSegment>() + tiles.Length * Unsafe.SizeOf<Tile>());
        backend.Launch("attention", variant, y.Types, new Grid(tiles.Length, options.NHeads), variant.Shared(options.DHead),
            q.Pointer, q.RowStride, k.Pointer, k.RowStride, v.Pointer, v.RowStride,
            backend.Indices.Bring(positions), backend.Indices.Bring(segments), backend.Indices.Bring(tiles),
            options.NHeads, options.NKvHeads, options.DHead, options.Scale, options.Softcap, options.Window, y.Pointer, y.RowStride);
    }

    /// <summary>Mirrors srm::AttentionTile.</summary>
    internal readonly record struct Tile(int Segment, int FirstQuery);

    /// <summary>The tiles of all segments, longest rows last in a segment as its queries are.</summary>
    private static ReadOnlySpan<Tile> Tiles(CudaBackend backend, ReadOnlySpan<AttentionSegment> segments, int rows)
    {
        var tiles = backend.AttentionTiles;
        tiles.Clear();
        for (int i = 0; i < segments.Length; i++)
            for (int first = 0; first < segments[i].QueryCount; first += rows) tiles.Add(new Tile(i, first));
        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tiles);
    }

    public static readonly CudaVariant[] Variants =
        [new("query_per_warp", "attention", 128) { TileRows = 4, Shared = dHead => 4 * 2 * dHead * sizeof(float) }];
}
