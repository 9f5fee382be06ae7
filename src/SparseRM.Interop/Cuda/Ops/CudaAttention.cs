using System.Runtime.CompilerServices;
using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.Attention"/>: kernels/ops/attention*.cu. A block computes a tile of one segment's queries for one head.</summary>
internal static class CudaAttention
{
    /// <summary>With a table of angles q and k are rotated where they are packed; only for variants that pack.</summary>
    public static void Run(
        CudaBackend backend, CudaRows q, CudaRows k, CudaRows v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments,
        in AttentionOptions options, CudaOperand y, CudaRows? cosSin = null, ReadOnlySpan<int> keyPositions = default)
    {
        var variant = backend.Pick(OpKind.Attention, y.Types, options.DHead);
        var tiles = Tiles(backend, segments, variant.TileRows);
        if (tiles.Length == 0) return;
        int segmentBytes = segments.Length * Unsafe.SizeOf<AttentionSegment>(), tileBytes = tiles.Length * Unsafe.SizeOf<Tile>();
        backend.Indices.Reserve((positions.Length + keyPositions.Length) * sizeof(int) + segmentBytes + tileBytes);
        // Given back when the work is queued, not when it is done: who gets this memory next writes it after.
        using var packed = variant.PacksInputs ? Pack(backend, ref q, ref k, ref v, positions, cosSin, keyPositions) : null;
        backend.Launch("attention", variant, variant.PacksInputs ? OfHead(options.DHead) : y.Types, new Grid(tiles.Length, options.NHeads),
            variant.Shared(options.DHead), q.Pointer, q.RowStride, k.Pointer, k.RowStride, v.Pointer, v.RowStride,
            backend.Indices.Bring(positions), backend.Indices.Bring(segments), backend.Indices.Bring(tiles),
            options.NHeads, options.NKvHeads, options.DHead, options.Scale, options.Softcap, options.Window, y.Pointer, y.RowStride);
    }

    /// <summary>Puts bf16 operands in the place of q, k and v. Heads of a multiple of 8 columns leave no padding.</summary>
    private static CudaBlock Pack(
        CudaBackend backend, ref CudaRows q, ref CudaRows k, ref CudaRows v, ReadOnlySpan<int> positions, CudaRows? cosSin, ReadOnlySpan<int> keyPositions)
    {
        long queries = (long)q.Rows * q.Columns, keys = (long)k.Rows * k.Columns;
        // An odd number of rows of 128 bytes or more: each part begins at a multiple of 128.
        var block = backend.Arena.Allocate((queries + 2 * keys) * sizeof(ushort));
        try
        {
            nint toQ = block.Pointer, toK = toQ + (nint)(queries * sizeof(ushort)), toV = toK + (nint)(keys * sizeof(ushort));
            if (cosSin is { } table)
            {
                CudaRopeAttention.Pack(backend, q, positions, k, v, keyPositions, table, toQ, toK, toV);
                (q, k, v) = (Dense(q, toQ), Dense(k, toK), Dense(v, toV));
                return block;
            }
            (q, k, v) = (Packed(backend, q, toQ), Packed(backend, k, toK), Packed(backend, v, toV));
            return block;
        }
        catch
        {
            block.Dispose();
            throw;
        }
    }

    private static CudaRows Dense(CudaRows x, nint at) => new(at, x.Rows, x.Columns, x.Columns);

    private static CudaRows Packed(CudaBackend backend, CudaRows x, nint to)
    {
        CudaPack.Run(backend, x, new CudaOperand(to, x.Rows, x.Columns, x.Columns, DType.BF16));
        return Dense(x, to);
    }

    private static string OfHead(int dHead) => dHead switch
    {
        64 => "64_bf16",
        128 => "128_bf16",
        256 => "256_bf16",
        _ => throw new ArgumentOutOfRangeException(nameof(dHead), dHead, "has no entry"),
    };

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
    [
        new("query_per_warp", "attention", 128) { TileRows = 4, Shared = dHead => 4 * (2 * dHead + 32 * 33) * sizeof(float) },
        new("flash", "attention_flash", 128)
        {
            TileRows = 64,
            PacksInputs = true,
            Shared = dHead => 3 * 64 * dHead * sizeof(ushort),
            Fits = (types, dHead) => types == "bf16" && dHead is (64 or 128 or 256),
        },
    ];
}
