using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda.Ops;

/// <summary><see cref="Backend.SaeEncode"/>: kernels/ops/sae_encode.cu. The products of some rows at a time, then gate and compaction on the device.</summary>
internal sealed class CudaSaeEncode(CudaBackend backend) : IDisposable
{
    /// <summary>Floats of the dense tile of products: what is ever in memory of [n, d_sae].</summary>
    private const int TileFloats = 1 << 24;

    private const string Op = "sae_encode";
    private int[] _counts = [], _starts = [], _latents = [];
    private float[] _activations = [];
    private CudaBlock? _operand, _products, _lists;
    private int _row;
    private SparseLatents.Filler? _filler;

    /// <summary>Adds the latents of all rows of x; waits for each tile.</summary>
    public void Run(Tensor x, SaeEncoder encoder, CudaMatrix w, SparseLatents latents)
    {
        int dSae = encoder.Sae.DSae, tileRows = Math.Clamp(TileFloats / dSae, 1, 512);
        for (int start = 0; start < x.Rows; start += tileRows)
        {
            int rows = Math.Min(tileRows, x.Rows - start);
            Tile(CudaBackend.Rows(x.RowRange(start, rows)), encoder, w);
            _filler ??= FillRow;
            for (_row = 0; _row < rows; _row++) latents.AddRow(_counts[_row], _filler);
        }
    }

    public void Dispose()
    {
        _operand?.Dispose();
        _products?.Dispose();
        _lists?.Dispose();
    }

    /// <summary>Leaves the lists of the tile's rows in <see cref="_counts"/>, <see cref="_starts"/>, <see cref="_latents"/> and <see cref="_activations"/>.</summary>
    private void Tile(CudaRows x, SaeEncoder encoder, CudaMatrix w)
    {
        int dSae = encoder.Sae.DSae, capacity = SaeGate.Capacity(encoder.Sae.Activation, dSae), rows = x.Rows;
        int stride = CudaOperand.Stride(x.Columns, w.Compute);
        var operand = new CudaOperand(Grown(ref _operand, (long)rows * stride * sizeof(float)), rows, x.Columns, stride, w.Compute);
        var products = new CudaRows(Grown(ref _products, (long)rows * dSae * sizeof(float)), rows, dSae, dSae);
        nint counts = Grown(ref _lists, (rows + 2L * rows * capacity) * sizeof(int));
        nint listed = counts + rows * sizeof(int), activations = listed + (nint)((long)rows * capacity * sizeof(int));
        CudaPack.Run(backend, x, operand);
        CudaMatMul.Run(backend, operand, w, null, products);
        var variant = backend.Pick(OpKind.SaeEncode);
        var (kind, k) = Kind(encoder.Sae);
        backend.Launch(Op, variant, "gate", new Grid(rows), 0,
            products.Pointer, dSae, kind, k, Vector(encoder.Scale), Vector(encoder.Bias), Vector(encoder.Threshold), Vector(encoder.GateBias),
            Vector(encoder.MagnitudeScale), Vector(encoder.MagnitudeBias), counts, listed, activations, capacity);
        Array.Resize(ref _counts, Math.Max(_counts.Length, rows));
        Array.Resize(ref _starts, Math.Max(_starts.Length, rows + 1));
        backend.Download(counts, _counts.AsSpan(0, rows));
        for (int i = 0; i < rows; i++) _starts[i + 1] = checked(_starts[i] + _counts[i]);
        int total = _starts[rows];
        if (total == 0) return;
        if (_latents.Length < total) (_latents, _activations) = (new int[total], new float[total]);
        // The products are done with, and their tile holds as many as can be active.
        using var packed = backend.Arena.Allocate(2L * total * sizeof(int));
        nint allActivations = packed.Pointer + (nint)((long)total * sizeof(int));
        backend.Launch(Op, variant, "concatenate", new Grid(rows), 0,
            backend.Indices.BringAlone(_starts.AsSpan(0, rows + 1)), listed, activations, capacity, packed.Pointer, allActivations);
        backend.Download(packed.Pointer, _latents.AsSpan(0, total));
        backend.Download(allActivations, _activations.AsSpan(0, total));
    }

    private int FillRow(Span<int> indices, Span<float> values)
    {
        int start = _starts[_row], count = _counts[_row];
        _latents.AsSpan(start, count).CopyTo(indices);
        _activations.AsSpan(start, count).CopyTo(values);
        return count;
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

    /// <summary>Numbered as in sae_encode.cu.</summary>
    private static (int Kind, int K) Kind(SparseAutoencoder sae) => sae.Activation switch
    {
        SaeActivation.Relu => (0, 0),
        SaeActivation.JumpRelu => (1, 0),
        SaeActivation.TopK top => (2, SaeGate.Capacity(top, sae.DSae)),
        SaeActivation.GroupMax group => (3, SaeGate.Capacity(group, sae.DSae)),
        SaeActivation.Gated => (4, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(sae), sae.Activation, "is no known activation"),
    };

    public static readonly CudaVariant[] Variants = [new("tiled", "sae_encode", 256)];
}
