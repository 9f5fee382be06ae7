using SparseRM.Errors;
using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Backends.Reference;

/// <summary>The oracle: managed, scalar, float64 inside every op, one thread. Slow on purpose, for tests and for doubts.</summary>
public sealed class ReferenceBackend : Backend
{
    /// <inheritdoc/>
    public override string Name => "reference";

    /// <inheritdoc/>
    public override string Description => "reference: managed, scalar, float64 sums";

    /// <inheritdoc/>
    public override string? Refusal(DType compute) => compute is DType.F32 or DType.BF16 or DType.I8 ? null : base.Refusal(compute);

    /// <inheritdoc/>
    public override DeviceBuffer Allocate(long length) => new ReferenceBuffer(length);

    /// <inheritdoc/>
    public override void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        for (int i = 0; i < destination.Rows; i++) source.Slice(i * destination.Columns, destination.Columns).CopyTo(destination.Row(i));
    }

    /// <inheritdoc/>
    public override void Download(Tensor source, Span<float> destination)
    {
        for (int i = 0; i < source.Rows; i++) source.Row(i).CopyTo(destination.Slice(i * source.Columns, source.Columns));
    }

    /// <inheritdoc/>
    public override Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        OpChecks.LoadMatrix(this, parts, compute);
        int inputs = parts[0].Inputs, outputs = 0;
        foreach (var part in parts) outputs += part.Outputs;
        var values = new float[(long)outputs * inputs];
        int row = 0;
        foreach (var part in parts)
        {
            var read = part.Slice.ReadSingles();
            for (int o = 0; o < part.Outputs; o++, row++)
                for (int i = 0; i < inputs; i++) values[row * inputs + i] = read[part.IsTransposed ? i * part.Outputs + o : o * inputs + i];
        }
        var scales = new float[outputs];
        for (int o = 0; o < outputs; o++) scales[o] = ReferenceRounding.Round(values.AsSpan(o * inputs, inputs), compute);
        return new ReferenceMatrix(outputs, inputs, compute, values, scales);
    }

    /// <inheritdoc/>
    public override Tensor LoadVector(WeightSlice slice)
    {
        var values = slice.ReadSingles();
        var tensor = new Tensor(Allocate(values.Length), 0, 1, values.Length, values.Length);
        Upload(values, tensor);
        return tensor;
    }

    /// <inheritdoc/>
    public override EmbeddingTable OpenEmbedding(WeightSlice slice) => new ReferenceEmbedding(slice);

    /// <inheritdoc/>
    public override void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y)
    {
        OpChecks.Embed(table, ids, y);
        for (int i = 0; i < ids.Length; i++)
        {
            var source = ((ReferenceEmbedding)table).Row(ids[i]);
            var target = y.Row(i);
            for (int j = 0; j < target.Length; j++)
            {
                if (!float.IsFinite(source[j]))
                    throw new ModelFormatException(table.Slice.Path, $"tensor \"{table.Slice.Name}\" has {source[j]} in the row of token {ids[i]}; weights must be finite");
                target[j] = source[j] * scale;
            }
        }
    }

    /// <inheritdoc/>
    public override void RmsNorm(Tensor x, Tensor weight, float eps, float unitOffset, Tensor y)
    {
        OpChecks.RmsNorm(x, weight, y);
        var w = weight.Row(0);
        int n = weight.Columns;
        for (int i = 0; i < x.Rows; i++)
        {
            for (int start = 0; start < x.Columns; start += n)
            {
                var source = x.Row(i).Slice(start, n);
                var target = y.Row(i).Slice(start, n);
                double squares = 0;
                foreach (float value in source) squares += (double)value * value;
                double factor = 1 / Math.Sqrt(squares / n + eps);
                for (int j = 0; j < n; j++) target[j] = (float)(source[j] * factor * ((double)w[j] + unitOffset));
            }
        }
    }

    /// <inheritdoc/>
    public override void Pack(Tensor x, Operand y)
    {
        OpChecks.Pack(x, y);
        for (int i = 0; i < x.Rows; i++)
            for (int j = 0; j < x.Columns; j++) y.Row(i)[j] = x.Row(i)[j];
        ReferenceRounding.Round(y);
    }

    /// <inheritdoc/>
    public override void MatMul(Operand x, params ReadOnlySpan<Product> products)
    {
        OpChecks.MatMul(x, products);
        foreach (ref readonly var product in products)
        {
            var matrix = (ReferenceMatrix)product.W;
            for (int i = 0; i < x.Rows; i++)
            {
                var source = x.Row(i);
                var target = product.Y.Row(i);
                for (int o = 0; o < target.Length; o++)
                {
                    float bias = product.Bias is { } b ? b.Row(0)[o] : 0;
                    var row = matrix.Values.AsSpan(o * x.Columns, x.Columns);
                    double sum = x.Compute == DType.I8 ? 0 : bias;
                    for (int j = 0; j < row.Length; j++) sum += (double)source[j] * row[j];
                    target[o] = (float)sum;
                    if (x.Compute != DType.I8) continue;
                    target[o] *= x.Scale(i) * matrix.Scales[o];
                    if (product.Bias is not null) target[o] += bias;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin)
    {
        OpChecks.Rope(x, positions, cosSin);
        int dHead = cosSin.Columns, half = dHead / 2;
        for (int i = 0; i < x.Rows; i++)
        {
            var table = cosSin.Row(positions[i]);
            for (int start = 0; start < x.Columns; start += dHead)
            {
                var head = x.Row(i).Slice(start, dHead);
                for (int j = 0; j < half; j++)
                {
                    double a = head[j], b = head[j + half], cos = table[j], sin = table[j + half];
                    head[j] = (float)(a * cos - b * sin);
                    head[j + half] = (float)(b * cos + a * sin);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.Attention(q, k, v, positions, segments, options, y);
        foreach (var segment in segments) ReferenceAttention.Run(q, k, v, positions, segment, options, y);
        ReferenceRounding.Round(y);
    }

    /// <inheritdoc/>
    public override void GatedActivation(Tensor gate, Tensor up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedActivation(gate, up, y);
        for (int i = 0; i < y.Rows; i++)
            for (int j = 0; j < y.Columns; j++) y.Row(i)[j] = (float)(Activations.Apply(kind, gate.Row(i)[j]) * up.Row(i)[j]);
        ReferenceRounding.Round(y);
    }

    /// <inheritdoc/>
    public override void Add(Tensor a, Tensor b, Tensor y)
    {
        OpChecks.SameShape(nameof(Add), a, b);
        OpChecks.SameShape(nameof(Add), a, y);
        for (int i = 0; i < y.Rows; i++)
            for (int j = 0; j < y.Columns; j++) y.Row(i)[j] = a.Row(i)[j] + b.Row(i)[j];
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y)
    {
        OpChecks.GatherRows(x, rows, y);
        for (int i = 0; i < rows.Length; i++) x.Row(rows[i]).CopyTo(y.Row(i));
    }

    /// <inheritdoc/>
    public override void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y)
    {
        OpChecks.MeanRows(x, starts, y);
        for (int i = 0; i < y.Rows; i++)
        {
            for (int j = 0; j < y.Columns; j++)
            {
                double sum = 0;
                for (int row = starts[i]; row < starts[i + 1]; row++) sum += x.Row(row)[j];
                y.Row(i)[j] = (float)(sum / (starts[i + 1] - starts[i]));
            }
        }
    }
}
