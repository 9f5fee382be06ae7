using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The sparse latents of rows; see <see cref="Backend.SaeEncode"/>.</summary>
/// <remarks>
/// Some rows at a time: product, scale and bias into a block of at most <see cref="BlockLength"/> floats, the only dense pre-activations there are;
/// for TopK the k-th largest key of each row; the active latents of each row counted in <see cref="SaeGates.Parts"/> parts; then, behind a prefix
/// sum on the host, written closely packed. Only ids and values leave the device.
/// </remarks>
internal sealed class SaeEncode(IlgpuDevice device, MatMul matMul, Elementwise elementwise) : IDisposable
{
    private const int BlockLength = 8 << 20, MaxBlockRows = 512;
    private readonly Scratch<float> _operand = new(device), _pre = new(device), _values = new(device);
    private readonly Scratch<int> _counts = new(device), _ids = new(device);
    private readonly Scratch<ulong> _kth = new(device);
    private int[] _hostCounts = [], _hostIds = [];
    private float[] _hostValues = [];

    /// <summary>How the k-th largest is found; SAEs without TopK run alike under both.</summary>
    public VariantTable<SaeTopK.Kernels> Variants { get; } = new($"{device.Name}", OpKind.SaeEncode,
        new("bitonic_merge", true, new(SaeTopK.BitonicMerge, SaeTopK.MaxMerged)),
        new("radix_select", true, new(SaeTopK.RadixSelect, int.MaxValue)));

    /// <summary>What the kernel of scale and bias takes; scale may be empty.</summary>
    internal readonly struct FinishArguments(Rows<float> pre, ArrayView<float> scale, ArrayView<float> bias, int count)
    {
        public readonly Rows<float> Pre = pre;
        public readonly ArrayView<float> Scale = scale, Bias = bias;
        public readonly int Count = count;
    }

    /// <summary>The encoder's vectors on this device; those that its activation lacks are empty.</summary>
    internal readonly record struct Vectors(
        ArrayView<float> Scale, ArrayView<float> Bias, ArrayView<float> Threshold, ArrayView<float> GateBias, ArrayView<float> MagnitudeScale,
        ArrayView<float> MagnitudeBias);

    /// <summary>Encodes [count, d_in]; waits.</summary>
    public void Run(Rows<float> x, int count, SaeEncoder encoder, IlgpuMatrix wEnc, Vectors vectors, SparseLatents latents)
    {
        int blockRows = Math.Clamp(BlockLength / encoder.Sae.DSae, 1, MaxBlockRows);
        for (int start = 0; start < count; start += blockRows)
        {
            int rows = Math.Min(blockRows, count - start);
            Block(new(x.Data.SubView((long)start * x.Stride), x.Stride), rows, encoder.Sae, wEnc, vectors, latents);
        }
    }

    public void Dispose()
    {
        foreach (IDisposable scratch in new IDisposable[] { _operand, _pre, _values, _counts, _ids, _kth }) scratch.Dispose();
    }

    private void Block(Rows<float> x, int rows, SparseAutoencoder sae, IlgpuMatrix wEnc, Vectors vectors, SparseLatents latents)
    {
        var operand = new IlgpuOperand(_operand.Take(Operand.Length(rows, sae.DIn)), rows, sae.DIn, wEnc.Compute);
        var pre = new Rows<float>(_pre.Take((long)rows * sae.DSae), sae.DSae);
        elementwise.RunPack(x, operand);
        matMul.Run(operand, wEnc, device.None<float>(), pre);
        device.Each(FinishEach, (long)rows * sae.DSae, new FinishArguments(pre, vectors.Scale, vectors.Bias, rows));

        var kth = KthLargest(pre, rows, sae);
        var gate = new SaeGates.Gate(sae, vectors.Threshold, vectors.GateBias, vectors.MagnitudeScale, vectors.MagnitudeBias, kth);
        int parts = rows * SaeGates.Parts;
        if (_hostCounts.Length < parts) _hostCounts = new int[MaxBlockRows * SaeGates.Parts];
        var counts = _counts.Take(parts);
        device.Each(SaeGates.Count, parts, new SaeGates.Arguments(pre, gate, counts, device.None<int>(), device.None<float>(), rows));
        device.Download(counts, _hostCounts.AsSpan(0, parts));
        Collect(pre, gate, rows, latents);
    }

    /// <summary>For TopK the smallest key of each row that is active, else nothing.</summary>
    private ArrayView<ulong> KthLargest(Rows<float> pre, int rows, SparseAutoencoder sae)
    {
        if (sae.Activation is not SaeActivation.TopK top) return device.None<ulong>();
        var kth = _kth.Take(rows);
        var kernel = top.K >= 1 && top.K <= Variants.Run.MaxK ? Variants.Run.Select : SaeTopK.RadixSelect;
        device.Groups(kernel, rows, new SaeTopK.Arguments(pre, kth, rows, sae.DSae, top.K));
        return kth;
    }

    /// <summary>Turns counts into starts, has the latents written there, and hands them over row by row.</summary>
    private void Collect(Rows<float> pre, SaeGates.Gate gate, int rows, SparseLatents latents)
    {
        int parts = rows * SaeGates.Parts, total = 0;
        var starts = _hostCounts.AsSpan(0, parts);
        foreach (ref int at in starts) (at, total) = (total, total + at);
        if (_hostIds.Length < total) (_hostIds, _hostValues) = (new int[total], new float[total]);
        if (total > 0)
        {
            var (ids, values) = (_ids.Take(total), _values.Take(total));
            device.Each(SaeGates.Write, parts, new SaeGates.Arguments(pre, gate, _counts.Put(starts), ids, values, rows));
            device.Download(ids, _hostIds.AsSpan(0, total));
            device.Download(values, _hostValues.AsSpan(0, total));
        }
        for (int row = 0; row < rows; row++)
        {
            int start = _hostCounts[row * SaeGates.Parts], end = row + 1 < rows ? _hostCounts[(row + 1) * SaeGates.Parts] : total;
            latents.AddRow(end - start, (indices, values) =>
            {
                _hostIds.AsSpan(start, end - start).CopyTo(indices);
                _hostValues.AsSpan(start, end - start).CopyTo(values);
                return end - start;
            });
        }
    }

    /// <summary>pre = pre * scale + bias, each rounded: the product by way of F64, so that no compiler fuses the two.</summary>
    public static void FinishEach(FinishArguments a)
    {
        int width = a.Pre.Stride;
        long items = (long)a.Count * width;
        for (long item = Lanes.First; item < items; item += Lanes.Stride)
        {
            int latent = (int)(item % width);
            float product = a.Pre.Data[item];
            if (a.Scale.Length > 0) product = (float)((double)product * a.Scale[latent]);
            a.Pre.Data[item] = product + a.Bias[latent];
        }
    }
}
