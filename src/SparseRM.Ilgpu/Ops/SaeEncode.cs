using ILGPU;
using SparseRM.Backends;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu.Ops;

/// <summary>The sparse latents of rows; see <see cref="Backend.SaeEncode"/> and <see cref="Backend.CountActive"/>.</summary>
/// <remarks>
/// Some rows at a time: product, scale and bias into a block of at most <see cref="BlockLength"/> floats, the only dense pre-activations there are;
/// for TopK the k-th largest key of each row. Then the active latents are counted, or listed: how many there are in each of
/// <see cref="SaeGates.Parts"/> parts of a row, where each begins, and behind that closely packed. Only starts, ids and values leave the device.
/// </remarks>
internal sealed class SaeEncode(IlgpuDevice device, MatMul matMul, Elementwise elementwise) : IDisposable
{
    private const int BlockLength = 8 << 20, MaxBlockRows = 512;
    private readonly Scratch<float> _operand = new(device), _pre = new(device), _values = new(device);
    private readonly Scratch<int> _starts = new(device), _ids = new(device), _times = new(device);
    private readonly Scratch<ulong> _kth = new(device);
    private int[] _hostStarts = [], _hostIds = [];
    private float[] _hostValues = [];

    /// <summary>How the k-th largest is found; SAEs without TopK run alike under both.</summary>
    public VariantTable<SaeTopK.Kernels> Variants { get; } = new($"{device.Name}", OpKind.SaeEncode,
        new("bitonic_merge", true, new(SaeTopK.BitonicMerge, SaeTopK.MaxMerged)),
        new("radix_select", true, new(SaeTopK.RadixSelect, int.MaxValue)));

    /// <summary>How the latents are counted: the rest is as in <see cref="Variants"/>.</summary>
    public VariantTable<Action<SaeGates.CountArguments>> CountVariants { get; } =
        VariantTable.One<Action<SaeGates.CountArguments>>(device, OpKind.CountActive, "lane_per_latent", SaeGates.CountActive);

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
    public void Run(Rows<float> x, int count, SaeWeights weights, Vectors vectors, SparseLatents latents)
    {
        int blockRows = BlockRows(weights);
        for (int start = 0; start < count; start += blockRows)
        {
            int rows = Math.Min(blockRows, count - start);
            var (pre, gate) = Gate(x.From(start), rows, weights, vectors);
            Collect(pre, gate, rows, latents);
        }
    }

    /// <summary>Enqueues counts[s, j] += times[i, s] for every row i in which latent j is active.</summary>
    public void RunCount(
        Rows<float> x, int count, SaeWeights weights, Vectors vectors, ReadOnlySpan<int> times, Rows<float> counts)
    {
        int blockRows = BlockRows(weights);
        var sent = _times.Put(times);
        for (int start = 0; start < count; start += blockRows)
        {
            int rows = Math.Min(blockRows, count - start);
            var (pre, gate) = Gate(x.From(start), rows, weights, vectors);
            var arguments = new SaeGates.CountArguments(pre, gate, sent.SubView(2 * start, 2 * rows), counts, rows);
            device.Each(CountVariants.Run, gate.Sets, arguments);
        }
    }

    public void Dispose()
    {
        foreach (IDisposable scratch in new IDisposable[] { _operand, _pre, _values, _starts, _ids, _times, _kth }) scratch.Dispose();
    }

    private static int BlockRows(SaeWeights sae) => Math.Clamp(BlockLength / sae.DSae, 1, MaxBlockRows);

    /// <summary>Pre-activations of one block of rows, and what tells which of them are active.</summary>
    private (Rows<float> Pre, SaeGates.Gate Gate) Gate(Rows<float> x, int rows, SaeWeights sae, Vectors vectors)
    {
        var wEnc = sae.WEnc.On();
        var operand = new IlgpuOperand(_operand.Take(Operand.Length(rows, sae.DIn)), rows, sae.DIn, wEnc.Compute);
        var pre = new Rows<float>(_pre.Take((long)rows * sae.DSae), sae.DSae);
        elementwise.RunPack(x, operand);
        matMul.Run(operand, wEnc, device.None<float>(), pre);
        device.Each(FinishEach, (long)rows * sae.DSae, new FinishArguments(pre, vectors.Scale, vectors.Bias, rows));
        var kth = KthLargest(pre, rows, sae);
        return (pre, new SaeGates.Gate(sae, vectors.Threshold, vectors.GateBias, vectors.MagnitudeScale, vectors.MagnitudeBias, kth));
    }

    /// <summary>For TopK the smallest key of each row that is active, else nothing.</summary>
    private ArrayView<ulong> KthLargest(Rows<float> pre, int rows, SaeWeights sae)
    {
        if (sae.Gate.Kind != SaeGateKind.TopK) return device.None<ulong>();
        var kth = _kth.Take(rows);
        var kernel = sae.K >= 1 && sae.K <= Variants.Run.MaxK ? Variants.Run.Select : SaeTopK.RadixSelect;
        device.Groups(kernel, rows, new SaeTopK.Arguments(pre, kth, rows, sae.DSae, sae.K));
        return kth;
    }

    /// <summary>Has the latents counted and written, and hands them over row by row.</summary>
    private void Collect(Rows<float> pre, SaeGates.Gate gate, int rows, SparseLatents latents)
    {
        int parts = rows * SaeGates.Parts;
        var starts = _starts.Take(parts + 1);
        var arguments = new SaeGates.Arguments(pre, gate, starts, device.None<int>(), device.None<float>(), rows);
        device.Each(SaeGates.Count, parts, arguments);
        device.Groups(SaeGates.Starts, 1, arguments);
        if (_hostStarts.Length <= parts) _hostStarts = new int[MaxBlockRows * SaeGates.Parts + 1];
        device.Download(starts, _hostStarts.AsSpan(0, parts + 1));
        int total = _hostStarts[parts];
        if (_hostIds.Length < total) (_hostIds, _hostValues) = (new int[total], new float[total]);
        if (total > 0)
        {
            var (ids, values) = (_ids.Take(total), _values.Take(total));
            device.Each(SaeGates.Write, parts, new SaeGates.Arguments(pre, gate, starts, ids, values, rows));
            device.Download(ids, _hostIds.AsSpan(0, total));
            device.Download(values, _hostValues.AsSpan(0, total));
        }
        for (int row = 0; row < rows; row++)
        {
            int start = _hostStarts[row * SaeGates.Parts], end = _hostStarts[(row + 1) * SaeGates.Parts];
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
