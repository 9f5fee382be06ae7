using System.Diagnostics.CodeAnalysis;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Backends;

/// <summary>The shape rules of the ops, written once; every backend calls them at the entry of an op.</summary>
public static class OpChecks
{
    /// <summary>Products of up to 255 * 127 are summed in 32 bits.</summary>
    public const int MostInputsInI8 = 66_304;

    /// <summary>See <see cref="Backend.Embed"/>.</summary>
    public static void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, Tensor y)
    {
        Require(y.Rows == ids.Length && y.Columns == table.DModel, nameof(Embed), $"y is {y}, expected [{ids.Length}, {table.DModel}]");
        foreach (int id in ids)
            if ((uint)id >= (uint)table.Vocabulary) Fail(nameof(Embed), $"token id {id} is outside the vocabulary of {table.Vocabulary} ({table.Slice})");
    }

    /// <summary>See <see cref="Backend.RmsNorm"/>.</summary>
    public static void RmsNorm(Tensor x, Tensor weight, Tensor y)
    {
        SameShape(nameof(RmsNorm), x, y);
        Require(weight is { Rows: 1, Columns: > 0 } && x.Columns % weight.Columns == 0, nameof(RmsNorm), $"weight {weight} does not divide the rows of x {x}");
    }

    /// <summary>See <see cref="Backend.AddRmsNorm"/>.</summary>
    public static void AddRmsNorm(Tensor residual, Tensor? delta, Tensor? deltaWeight, Tensor weight, Operand y)
    {
        const string Op = nameof(AddRmsNorm);
        if (delta is { } added) SameShape(Op, residual, added);
        Require(delta is not null || deltaWeight is null, Op, "a norm of the delta without a delta");
        Norm(weight);
        if (deltaWeight is { } norm) Norm(norm);
        Writes(Op, y, residual.Rows, residual.Columns);

        void Norm(Tensor w) => Require(w.Rows == 1 && w.Columns == residual.Columns, Op, $"a weight is {w}, expected [1, {residual.Columns}]");
    }

    /// <summary>See <see cref="Backend.Pack"/>.</summary>
    public static void Pack(Tensor x, Operand y) => Writes(nameof(Pack), y, x.Rows, x.Columns);

    /// <summary>See <see cref="Backend.MatMul"/>.</summary>
    public static void MatMul(Operand x, ReadOnlySpan<Product> products)
    {
        const string Op = nameof(MatMul);
        Require(products.Length <= 4, Op, $"{products.Length} products in one call, at most 4 are taken");
        Fits(Op, x);
        foreach (ref readonly var product in products)
        {
            var (w, y) = (product.W, product.Y);
            Reads(Op, x, w);
            Require(y.Rows == x.Rows && y.Columns == w.Outputs, Op, $"y is {y}, expected [{x.Rows}, {w.Outputs}]");
            if (product.Bias is { } b) Require(b.Rows == 1 && b.Columns == w.Outputs, Op, $"bias is {b}, expected [1, {w.Outputs}]");
        }
    }

    /// <summary>See <see cref="Backend.GatedMatMul"/>.</summary>
    public static void GatedMatMul(Operand x, Matrix gate, Matrix up, Operand y)
    {
        const string Op = nameof(GatedMatMul);
        Fits(Op, x);
        Reads(Op, x, gate);
        Reads(Op, x, up);
        Require(gate.Outputs == up.Outputs, Op, $"gate has {gate.Outputs} outputs, up {up.Outputs}");
        Require(y.Buffer != x.Buffer, Op, "y lies in the memory of x");
        Writes(Op, y, x.Rows, gate.Outputs);
    }

    /// <summary>See <see cref="Backend.GatedActivation"/>.</summary>
    public static void GatedActivation(Tensor gate, Tensor up, Operand y)
    {
        SameShape(nameof(GatedActivation), gate, up);
        Writes(nameof(GatedActivation), y, gate.Rows, gate.Columns);
    }

    /// <summary>See <see cref="Backend.LoadMatrix"/>.</summary>
    /// <exception cref="BackendException">The backend does not compute in this type.</exception>
    public static void LoadMatrix(Backend backend, ReadOnlySpan<MatrixPart> parts, DType compute)
    {
        Require(compute is DType.F32 or DType.BF16 or DType.I8, nameof(LoadMatrix), $"computes in F32, BF16 or I8, not {compute}");
        if (backend.Refusal(compute) is { } refusal) throw new BackendException(backend.Name, refusal);
        Require(parts.Length > 0, nameof(LoadMatrix), "takes at least one part");
        foreach (var part in parts)
        {
            Require(part.Slice.Shape.Count == 2, nameof(LoadMatrix), $"{part.Slice} has {part.Slice.Shape.Count} dimensions, expected 2");
            Require(part.Inputs == parts[0].Inputs, nameof(LoadMatrix), $"{part.Slice} has {part.Inputs} inputs, {parts[0].Slice} has {parts[0].Inputs}");
            Require(compute != DType.I8 || !part.IsTransposed, nameof(LoadMatrix), $"{part.Slice} is transposed, weights in I8 are [outputs, inputs]");
            Require(compute != DType.I8 || part.Inputs <= MostInputsInI8, nameof(LoadMatrix),
                $"{part.Slice} has {part.Inputs} inputs, products in I8 take at most {MostInputsInI8}; compute in BF16 or F32");
        }
    }

    /// <summary>See <see cref="Backend.Rope"/>.</summary>
    public static void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin)
    {
        Require(positions.Length == x.Rows, nameof(Rope), $"{positions.Length} positions for x {x}");
        Require(cosSin.Columns > 0 && cosSin.Columns % 2 == 0 && x.Columns % cosSin.Columns == 0, nameof(Rope), $"heads of {cosSin.Columns} do not divide x {x}");
        foreach (int position in positions)
            if ((uint)position >= (uint)cosSin.Rows) Fail(nameof(Rope), $"position {position} is outside the table of {cosSin.Rows}");
    }

    /// <summary>See <see cref="Backend.Attention"/>.</summary>
    public static void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        const string Op = nameof(Attention);
        var (heads, kvHeads, dHead) = (options.NHeads, options.NKvHeads, options.DHead);
        Require(dHead > 0 && kvHeads > 0 && heads % kvHeads == 0, Op, $"{heads} heads of {dHead} cannot share {kvHeads} kv heads");
        Require(q.Columns == heads * dHead && k.Columns == kvHeads * dHead, Op, $"q {q} and k {k} do not hold {heads} and {kvHeads} heads of {dHead}");
        SameShape(Op, k, v);
        Writes(Op, y, q.Rows, q.Columns);
        Require(positions.Length == q.Rows, Op, $"{positions.Length} positions for q {q}");
        foreach (var s in segments)
        {
            bool inside = s.QueryStart >= 0 && s.QueryCount >= 0 && s.QueryStart + s.QueryCount <= q.Rows
                && s.PrefixStart >= 0 && s.PrefixCount >= 0 && s.PrefixStart + s.PrefixCount <= k.Rows
                && s.KeyStart >= 0 && s.KeyCount >= 0 && s.KeyStart + s.KeyCount <= k.Rows;
            Require(inside, Op, $"{s} reaches outside q {q} or k {k}");
            foreach (int position in positions.Slice(s.QueryStart, s.QueryCount))
                if ((uint)position >= (uint)(s.PrefixCount + s.KeyCount)) Fail(Op, $"position {position} is outside its {s}");
        }
    }

    /// <summary>See <see cref="Backend.RopeAttention"/>.</summary>
    public static void RopeAttention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> queryPositions, ReadOnlySpan<int> keyPositions, Tensor cosSin,
        ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        Attention(q, k, v, queryPositions, segments, options, y);
        Require(cosSin.Columns == options.DHead, nameof(RopeAttention), $"the table {cosSin} is not of heads of {options.DHead}");
        Rope(q, queryPositions, cosSin);
        Rope(k, keyPositions, cosSin);
    }

    /// <summary>See <see cref="Backend.GatherRows"/>.</summary>
    public static void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y)
    {
        Require(y.Rows == rows.Length && y.Columns == x.Columns, nameof(GatherRows), $"y is {y}, expected [{rows.Length}, {x.Columns}]");
        foreach (int row in rows)
            if ((uint)row >= (uint)x.Rows) Fail(nameof(GatherRows), $"row {row} is outside x {x}");
    }

    /// <summary>See <see cref="Backend.MeanRows"/>.</summary>
    public static void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y)
    {
        Require(starts.Length == y.Rows + 1 && y.Columns == x.Columns, nameof(MeanRows), $"{starts.Length} starts for y {y} of x {x}");
        Require(starts[0] >= 0 && starts[^1] <= x.Rows, nameof(MeanRows), $"rows {starts[0]}..{starts[^1]} reach outside x {x}");
        for (int i = 0; i < y.Rows; i++) Require(starts[i] < starts[i + 1], nameof(MeanRows), $"group {i} is empty");
    }

    /// <summary>See <see cref="Backend.SaeEncode"/>.</summary>
    public static void SaeEncode(Tensor x, SaeWeights weights) =>
        Require(x.Columns == weights.DIn, nameof(SaeEncode), $"x is {x}, the SAE takes d_in = {weights.DIn}");

    /// <summary>See <see cref="Backend.CountActive"/>.</summary>
    public static void CountActive(Tensor x, SaeWeights weights, ReadOnlySpan<int> times, Tensor counts)
    {
        SaeEncode(x, weights);
        Require(times.Length == 2L * x.Rows, nameof(CountActive), $"{times.Length} times for the two sides of {x.Rows} rows");
        Require(counts.Rows == 2 && counts.Columns == weights.DSae, nameof(CountActive), $"counts is {counts}, expected [2, {weights.DSae}]");
    }

    /// <summary>See <see cref="Backend.Score"/>.</summary>
    public static void Score(Tensor z, ScoreWeights weights, Tensor scores)
    {
        const string Op = nameof(Score);
        Require(z.Columns == weights.DModel, Op, $"z is {z}, the heads take d_model = {weights.DModel}");
        Require(scores.Rows == z.Rows && scores.Columns == weights.Heads.Count, Op, $"scores is {scores}, expected [{z.Rows}, {weights.Heads.Count}]");
    }

    /// <summary>The weights of <see cref="Backend.Score"/> in the memory of a backend that does not score on the host.</summary>
    /// <exception cref="ArgumentException">They were not brought there.</exception>
    public static ScoreTensors Resident(ScoreWeights weights) =>
        weights.Resident ?? throw new ArgumentException("the heads were made for a backend that scores on the host", nameof(weights));

    /// <summary>Refuses two tensors of different shape.</summary>
    public static void SameShape(string op, Tensor a, Tensor b) =>
        Require(a.Rows == b.Rows && a.Columns == b.Columns, op, $"shapes {a} and {b} differ");

    private static void Reads(string op, Operand x, Matrix w)
    {
        Require(x.Columns == w.Inputs, op, $"x is {x}, the matrix [{w.Outputs}, {w.Inputs}] takes {w.Inputs} columns");
        Require(x.Compute == w.Compute, op, $"x is {x}, the matrix computes in {w.Compute}");
    }

    private static void Writes(string op, Operand y, int rows, int columns)
    {
        Require(y.Rows == rows && y.Columns == columns, op, $"y is {y}, expected [{rows}, {columns}]");
        Fits(op, y);
    }

    private static void Fits(string op, Operand operand)
    {
        Require(operand.Compute is DType.F32 or DType.BF16 or DType.I8, op, $"an operand is F32, BF16 or I8, not {operand.Compute}");
        Require(operand.Buffer.Length >= Operand.Length(operand.Rows, operand.Columns), op, $"the operand {operand} reaches outside its buffer of {operand.Buffer.Length} floats");
    }

    private static void Require(bool holds, string op, [System.Runtime.CompilerServices.InterpolatedStringHandlerArgument(nameof(holds))] ref ProblemHandler problem)
    {
        if (!holds) Fail(op, problem.ToString());
    }

    private static void Require(bool holds, string op, string problem)
    {
        if (!holds) Fail(op, problem);
    }

    [DoesNotReturn]
    private static void Fail(string op, string problem) => throw new ShapeMismatchException(op, problem);

    /// <summary>Builds the sentence only when the rule is broken, so that checks allocate nothing.</summary>
    [System.Runtime.CompilerServices.InterpolatedStringHandler]
    internal ref struct ProblemHandler
    {
        private System.Text.StringBuilder? _text;

        public ProblemHandler(int literalLength, int formattedCount, bool holds, out bool isEnabled)
        {
            isEnabled = !holds;
            _text = holds ? null : new(literalLength + 16 * formattedCount);
        }

        public readonly void AppendLiteral(string value) => _text!.Append(value);
        public readonly void AppendFormatted<T>(T value) => _text!.Append(value);
        public override readonly string ToString() => _text?.ToString() ?? "";
    }
}
