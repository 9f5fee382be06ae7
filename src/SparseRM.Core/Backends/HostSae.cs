using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>The defaults of <see cref="Backend.SaeEncode"/> and <see cref="Backend.CountActive"/>. Keeps its memory from call to call; not thread-safe.</summary>
internal sealed class HostSae(Backend backend) : IDisposable
{
    private readonly SparseLatents _latents = new();
    private DeviceBuffer? _dense, _operand;
    private float[] _pre = [];

    public void Encode(Tensor x, SaeWeights weights, SparseLatents latents)
    {
        latents.Clear();
        int dSae = weights.DSae, blockRows = Math.Clamp((1 << 20) / dSae, 1, 64), capacity = weights.Capacity;
        if (_pre.Length < blockRows * dSae) _pre = new float[blockRows * dSae];
        for (int start = 0; start < x.Rows; start += blockRows)
        {
            int rows = Math.Min(blockRows, x.Rows - start);
            var dense = new Tensor(Grown(ref _dense, (long)rows * dSae), 0, rows, dSae, dSae);
            var operand = new Operand(Grown(ref _operand, Operand.Length(rows, weights.DIn)), rows, weights.DIn, weights.WEnc.Compute);
            backend.Pack(x.RowRange(start, rows), operand);
            backend.MatMul(operand, new Product(weights.WEnc, null, dense));
            backend.Download(dense, _pre);
            for (int row = 0; row < rows; row++)
            {
                var p = _pre.AsMemory(row * dSae, dSae);
                for (int j = 0; j < dSae; j++) p.Span[j] = p.Span[j] * (weights.HostScale?[j] ?? 1) + weights.HostBias[j];
                latents.AddRow(capacity, (indices, values) => weights.Gate.Apply(p.Span, indices, values));
            }
        }
    }

    public void Count(Tensor x, SaeWeights weights, ReadOnlySpan<int> times, Tensor counts)
    {
        int dSae = weights.DSae;
        backend.SaeEncode(x, weights, _latents);
        var sums = new float[2 * dSae];
        backend.Download(counts, sums);
        for (int row = 0; row < x.Rows; row++)
        {
            foreach (int latent in _latents.Indices(row))
            {
                sums[latent] += times[2 * row];
                sums[dSae + latent] += times[(2 * row) + 1];
            }
        }
        backend.Upload(sums, counts);
    }

    public void Dispose()
    {
        _dense?.Dispose();
        _operand?.Dispose();
    }

    private DeviceBuffer Grown(ref DeviceBuffer? buffer, long length)
    {
        if (buffer is not null && buffer.Length >= length) return buffer;
        buffer?.Dispose();
        buffer = null;
        return buffer = backend.Allocate(length);
    }
}
