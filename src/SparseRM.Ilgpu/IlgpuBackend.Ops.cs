using System.Runtime.InteropServices;
using ILGPU;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Ilgpu.Devices;
using SparseRM.Ilgpu.Kernels;
using SparseRM.Tensors;

namespace SparseRM.Ilgpu;

public sealed partial class IlgpuBackend
{
    /// <summary>Bytes of embedding rows on the host at a time.</summary>
    private const int EmbedBytes = 4 << 20;

    private readonly Scratch<byte> _embedded;
    private byte[] _hostRows = [];

    /// <inheritdoc/>
    /// <remarks>Rows are read from the file on the host, some at a time, and widened on the device.</remarks>
    public override void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y)
    {
        OpChecks.Embed(table, ids, y);
        var embedding = table as IlgpuEmbedding ?? throw new ArgumentException("the table was opened by another backend", nameof(table));
        int pieceRows = Math.Max(EmbedBytes / embedding.RowBytes, 1);
        for (int start = 0; start < ids.Length; start += pieceRows)
        {
            var piece = ids.Slice(start, Math.Min(pieceRows, ids.Length - start));
            if (_hostRows.Length < piece.Length * embedding.RowBytes) _hostRows = new byte[piece.Length * embedding.RowBytes];
            for (int i = 0; i < piece.Length; i++) embedding.ReadFinite(piece[i], _hostRows.AsSpan(i * embedding.RowBytes, embedding.RowBytes));
            var to = y.RowRange(start, piece.Length).On();
            ReadOnlySpan<byte> rows = _hostRows.AsSpan(0, piece.Length * embedding.RowBytes);
            switch (embedding.Slice.DType)
            {
                case DType.BF16:
                    _elementwise.RunEmbed(Sent<ushort>(rows, table.DModel), to, piece.Length, table.DModel, scale);
                    break;
                case DType.F16:
                    var singles = new float[piece.Length * table.DModel];
                    var halves = MemoryMarshal.Cast<byte, System.Half>(rows);
                    for (int i = 0; i < singles.Length; i++) singles[i] = (float)halves[i];
                    _elementwise.RunEmbed(Sent<float>(MemoryMarshal.AsBytes<float>(singles), table.DModel), to, piece.Length, table.DModel, scale);
                    break;
                default:
                    _elementwise.RunEmbed(Sent<float>(rows, table.DModel), to, piece.Length, table.DModel, scale);
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public override void RmsNorm(Tensor x, Tensor weight, float eps, float unitOffset, Tensor y)
    {
        OpChecks.RmsNorm(x, weight, y);
        _rmsNorm.Run(new(x.On(), Vector(weight), y.On(), x.Rows, x.Columns / weight.Columns, eps, unitOffset));
    }

    /// <inheritdoc/>
    public override void Pack(Tensor x, Operand y)
    {
        OpChecks.Pack(x, y);
        _elementwise.RunPack(x.On(), y.On());
    }

    /// <inheritdoc/>
    public override void AddRmsNorm(Tensor residual, Tensor? delta, Tensor? deltaWeight, Tensor weight, float eps, float unitOffset, Operand y)
    {
        OpChecks.AddRmsNorm(residual, delta, deltaWeight, weight, y);
        var added = delta is { } d ? d.On() : new Rows<float>(_device.None<float>(), 0);
        var (r, w, dw, to) = (residual.On(), Vector(weight), Vector(deltaWeight), y.On());
        if (y.Compute == DType.BF16) _rmsNorm.RunAdd(new Ops.RmsNorm.AddArguments<ushort>(r, added, dw, w, to.Halves, y.Rows, eps, unitOffset));
        else _rmsNorm.RunAdd(new Ops.RmsNorm.AddArguments<float>(r, added, dw, w, to.Singles, y.Rows, eps, unitOffset));
    }

    /// <inheritdoc/>
    public override void MatMul(Operand x, params ReadOnlySpan<Product> products)
    {
        OpChecks.MatMul(x, products);
        foreach (ref readonly var product in products) _matMul.Run(x.On(), product.W.On(), Vector(product.Bias), product.Y.On());
    }

    /// <inheritdoc/>
    /// <remarks>Composed where gate and up are of different types or y computes in another type than x.</remarks>
    public override void GatedMatMul(Operand x, Matrix gate, Matrix up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedMatMul(x, gate, up, y);
        if (_gatedMatMul.Fuses(x, gate.On(), up.On(), y)) _gatedMatMul.Run(x.On(), gate.On(), up.On(), kind, y.On());
        else base.GatedMatMul(x, gate, up, kind, y);
    }

    /// <inheritdoc/>
    public override void GatedActivation(Tensor gate, Tensor up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedActivation(gate, up, y);
        _gatedActivation.Run(gate.On(), up.On(), kind, y.On());
    }

    /// <inheritdoc/>
    public override void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin)
    {
        OpChecks.Rope(x, positions, cosSin);
        _rope.Run(new(x.On(), _ints.Put(positions), cosSin.On(), x.Rows, x.Columns / cosSin.Columns, cosSin.Columns / 2));
    }

    /// <inheritdoc/>
    public override void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.Attention(q, k, v, positions, segments, options, y);
        _attention.Run(q.On(), k.On(), v.On(), positions, segments, options, y.On());
    }

    /// <inheritdoc/>
    public override void Add(Tensor a, Tensor b, Tensor y)
    {
        OpChecks.SameShape(nameof(Add), a, b);
        OpChecks.SameShape(nameof(Add), a, y);
        _elementwise.RunAdd(new(a.On(), b.On(), y.On(), y.Rows, y.Columns));
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y)
    {
        OpChecks.GatherRows(x, rows, y);
        _rowOps.RunGather(new(x.On(), _ints.Put(rows), y.On(), y.Rows, y.Columns));
    }

    /// <inheritdoc/>
    public override void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y)
    {
        OpChecks.MeanRows(x, starts, y);
        _rowOps.RunMean(new(x.On(), _ints.Put(starts), y.On(), y.Rows, y.Columns));
    }

    /// <inheritdoc/>
    /// <remarks>Pre-activations are dense for one bounded block of rows at a time; see <see cref="Ops.SaeEncode"/>.</remarks>
    public override void SaeEncode(Tensor x, SaeWeights weights, SparseLatents latents)
    {
        OpChecks.SaeEncode(x, weights);
        latents.Clear();
        _saeEncode.Run(x.On(), x.Rows, weights, Vectors(weights), latents);
    }

    /// <inheritdoc/>
    /// <remarks>Pre-activations are as in <see cref="SaeEncode"/>; no list leaves the device.</remarks>
    public override void CountActive(Tensor x, SaeWeights weights, ReadOnlySpan<int> times, Tensor counts)
    {
        OpChecks.CountActive(x, weights, times, counts);
        _saeEncode.RunCount(x.On(), x.Rows, weights, Vectors(weights), times, counts.On());
    }

    /// <inheritdoc/>
    public override bool ScoresOnHost => false;

    /// <inheritdoc/>
    public override void Score(Tensor z, ScoreWeights weights, Tensor scores)
    {
        OpChecks.Score(z, weights, scores);
        var heads = OpChecks.Resident(weights);
        var directions = heads.Directions is { } d ? d.On() : new Rows<float>(_device.None<float>(), 0);
        _score.Run(z.On(), directions, heads.W1.On(), heads.B1.On(), heads.W2.On(), Vector(heads.B2), scores.On(), z.Rows);
    }

    private Ops.SaeEncode.Vectors Vectors(SaeWeights weights) => new(
        Vector(weights.Scale), Vector(weights.Bias), Vector(weights.Threshold), Vector(weights.GateBias), Vector(weights.MagnitudeScale),
        Vector(weights.MagnitudeBias));

    /// <summary>A vector's elements; none where it is absent.</summary>
    private ArrayView<float> Vector(Tensor? vector) => vector is { } v ? v.On().Row(0, v.Columns) : _device.None<float>();

    private Rows<T> Sent<T>(ReadOnlySpan<byte> rows, int columns) where T : unmanaged => new(_embedded.Put(rows).Cast<T>(), columns);
}
