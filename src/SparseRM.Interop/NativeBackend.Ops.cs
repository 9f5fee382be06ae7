using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    private int[] _inOrder = []; // 0, 1, ..: rows that were copied lie in the order of their ids

    /// <inheritdoc/>
    public override unsafe void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y)
    {
        OpChecks.Embed(table, ids, y);
        if (table is not NativeEmbedding native) throw new ArgumentException("the table was opened by another backend", nameof(table));
        using var to = new TensorScope(y);
        using var turn = Enter(nameof(Embed));
        SrmkStatus status;
        long bad;
        if (native.Rows is { } copied)
        {
            byte* start = copied.Read(ids);
            if (_inOrder.Length < ids.Length) _inOrder = [.. Enumerable.Range(0, Math.Max(ids.Length, 2 * _inOrder.Length))];
            fixed (int* rows = _inOrder) status = srmk_embed(_handle, start, (int)table.Slice.DType, rows, scale, to.Desc, out bad);
        }
        else
        {
            fixed (int* rows = ids) status = srmk_embed(_handle, native.Start, (int)table.Slice.DType, rows, scale, to.Desc, out bad);
            native.CountRows(ids.Length);
        }
        GC.KeepAlive(native);
        if (status == SrmkStatus.NonFinite)
        {
            throw new ModelFormatException(table.Slice.Path,
                $"tensor \"{table.Slice.Name}\" has a NaN or an infinity in the row of token {ids[(int)bad]}; weights must be finite");
        }
        Check(status, nameof(Embed));
    }

    /// <inheritdoc/>
    public override void RmsNorm(Tensor x, Tensor weight, float eps, float unitOffset, Tensor y)
    {
        OpChecks.RmsNorm(x, weight, y);
        using var xs = new TensorScope(x);
        using var ws = new TensorScope(weight);
        using var ys = new TensorScope(y);
        Check(srmk_rms_norm(_handle, xs.Desc, ws.Desc, eps, unitOffset, ys.Desc), nameof(RmsNorm));
    }

    /// <inheritdoc/>
    public override unsafe void AddRmsNorm(
        Tensor residual, Tensor? delta, Tensor? deltaWeight, Tensor weight, float eps, float unitOffset, Operand y)
    {
        OpChecks.AddRmsNorm(residual, delta, deltaWeight, weight, y);
        using var rs = new TensorScope(residual);
        using var ds = new OptionalScope(delta);
        using var dws = new OptionalScope(deltaWeight);
        using var ws = new TensorScope(weight);
        using var ys = new OperandScope(y);
        TensorDesc d = ds.Desc, dw = dws.Desc;
        Check(srmk_add_rms_norm(
            _handle, rs.Desc, ds.IsThere ? &d : null, dws.IsThere ? &dw : null, ws.Desc, eps, unitOffset, ys.Desc), nameof(AddRmsNorm));
    }

    /// <inheritdoc/>
    public override void Pack(Tensor x, Operand y)
    {
        OpChecks.Pack(x, y);
        using var xs = new TensorScope(x);
        using var ys = new OperandScope(y);
        Check(srmk_pack(_handle, xs.Desc, ys.Desc), nameof(Pack));
    }

    /// <inheritdoc/>
    public override unsafe void MatMul(Operand x, params ReadOnlySpan<Product> products)
    {
        OpChecks.MatMul(x, products);
        using var xs = new OperandScope(x);
        ProductDesc* descs = stackalloc ProductDesc[products.Length];
        MatMul(xs.Desc, products, descs, 0);
    }

    /// <summary>Holds the memory of one product after the other, then calls.</summary>
    private unsafe void MatMul(in OperandDesc x, ReadOnlySpan<Product> products, ProductDesc* descs, int held)
    {
        if (held == products.Length)
        {
            Check(srmk_matmul(_handle, x, descs, held), nameof(MatMul));
            return;
        }
        using var scope = new ProductScope(products[held]);
        var bias = scope.Bias;
        descs[held] = scope.Desc(&bias);
        MatMul(x, products, descs, held + 1);
    }

    /// <inheritdoc/>
    public override void GatedMatMul(Operand x, Matrix gate, Matrix up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedMatMul(x, gate, up, y);
        using var xs = new OperandScope(x);
        using var ys = new OperandScope(y);
        Check(srmk_gated_matmul(_handle, xs.Desc, Native(gate).Handle, Native(up).Handle, (int)kind, ys.Desc), nameof(GatedMatMul));
    }

    /// <inheritdoc/>
    public override void GatedActivation(Tensor gate, Tensor up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedActivation(gate, up, y);
        using var gs = new TensorScope(gate);
        using var us = new TensorScope(up);
        using var ys = new OperandScope(y);
        Check(srmk_gated_activation(_handle, gs.Desc, us.Desc, (int)kind, ys.Desc), nameof(GatedActivation));
    }

    /// <inheritdoc/>
    public override unsafe void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin)
    {
        OpChecks.Rope(x, positions, cosSin);
        using var xs = new TensorScope(x);
        using var table = new TensorScope(cosSin);
        fixed (int* p = positions) Check(srmk_rope(_handle, xs.Desc, p, table.Desc), nameof(Rope));
    }

    /// <inheritdoc/>
    public override unsafe void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.Attention(q, k, v, positions, segments, options, y);
        using var qs = new TensorScope(q);
        using var ks = new TensorScope(k);
        using var vs = new TensorScope(v);
        using var ys = new OperandScope(y);
        fixed (int* p = positions)
        fixed (AttentionSegment* s = segments)
            Check(srmk_attention(_handle, qs.Desc, ks.Desc, vs.Desc, p, s, segments.Length, options, ys.Desc), nameof(Attention));
    }

    /// <inheritdoc/>
    public override void Add(Tensor a, Tensor b, Tensor y)
    {
        OpChecks.SameShape(nameof(Add), a, b);
        OpChecks.SameShape(nameof(Add), a, y);
        using var sa = new TensorScope(a);
        using var sb = new TensorScope(b);
        using var ys = new TensorScope(y);
        Check(srmk_add(_handle, sa.Desc, sb.Desc, ys.Desc), nameof(Add));
    }

    /// <inheritdoc/>
    public override unsafe void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y)
    {
        OpChecks.GatherRows(x, rows, y);
        using var xs = new TensorScope(x);
        using var ys = new TensorScope(y);
        fixed (int* r = rows) Check(srmk_gather_rows(_handle, xs.Desc, r, ys.Desc), nameof(GatherRows));
    }

    /// <inheritdoc/>
    public override unsafe void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y)
    {
        OpChecks.MeanRows(x, starts, y);
        using var xs = new TensorScope(x);
        using var ys = new TensorScope(y);
        fixed (int* s = starts) Check(srmk_mean_rows(_handle, xs.Desc, s, ys.Desc), nameof(MeanRows));
    }

    private static NativeMatrix Native(Matrix matrix) =>
        matrix as NativeMatrix ?? throw new ArgumentException("the matrix was loaded by another backend", nameof(matrix));

    /// <summary>A product as the native side sees it; holds its memory until it is disposed.</summary>
    private ref struct ProductScope : IDisposable
    {
        private readonly MatrixScope _w;
        private OptionalScope _bias;
        private TensorScope _y;

        public ProductScope(scoped in Product product)
        {
            try
            {
                _w = new MatrixScope(Native(product.W).Handle);
                _bias = new OptionalScope(product.Bias);
                _y = new TensorScope(product.Y);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public readonly TensorDesc Bias => _bias.Desc;

        /// <param name="bias">Where the caller keeps <see cref="Bias"/>.</param>
        public readonly unsafe ProductDesc Desc(TensorDesc* bias) => new() { Matrix = _w.Pointer, Bias = _bias.IsThere ? bias : null, Y = _y.Desc };

        public void Dispose()
        {
            _bias.Dispose();
            _y.Dispose();
            _w.Dispose();
        }
    }

    /// <inheritdoc/>
    public override bool ScoresOnHost => false;

    /// <inheritdoc/>
    public override unsafe void Score(Tensor z, ScoreWeights weights, Tensor scores)
    {
        OpChecks.Score(z, weights, scores);
        var heads = OpChecks.Resident(weights);
        using var zs = new TensorScope(z);
        using var directions = new OptionalScope(heads.Directions);
        using var w1 = new TensorScope(heads.W1);
        using var b1 = new TensorScope(heads.B1);
        using var w2 = new TensorScope(heads.W2);
        using var b2 = new TensorScope(heads.B2);
        using var to = new TensorScope(scores);
        TensorDesc d = directions.Desc;
        Check(srmk_score(_handle, zs.Desc, directions.IsThere ? &d : null, w1.Desc, b1.Desc, w2.Desc, b2.Desc, to.Desc), nameof(Score));
    }
}
