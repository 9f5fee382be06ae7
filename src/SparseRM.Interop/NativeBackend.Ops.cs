using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    /// <inheritdoc/>
    public override unsafe void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y)
    {
        OpChecks.Embed(table, ids, y);
        if (table is not NativeEmbedding native) throw new ArgumentException("the table was opened by another backend", nameof(table));
        using var to = new TensorScope(y);
        using var rows = native.Rows();
        SrmkStatus status;
        long bad;
        fixed (int* tokens = ids)
            status = srmk_embed(_handle, rows.Memory, rows.File, rows.Offset, (int)table.Slice.DType, tokens, scale, to.Desc, out bad);
        GC.KeepAlive(native);
        if (status == SrmkStatus.NonFinite)
        {
            throw new ModelFormatException(table.Slice.Path,
                $"tensor \"{table.Slice.Name}\" has a NaN or an infinity in the row of token {ids[(int)bad]}; weights must be finite");
        }
        rows.Check(status, table.Slice, bad, 0);
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
    public override void AddRmsNorm(Tensor residual, Tensor delta, Tensor weight, float eps, float unitOffset, Tensor y)
    {
        OpChecks.AddRmsNorm(residual, delta, weight, y);
        using var rs = new TensorScope(residual);
        using var ds = new TensorScope(delta);
        using var ws = new TensorScope(weight);
        using var ys = new TensorScope(y);
        Check(srmk_add_rms_norm(_handle, rs.Desc, ds.Desc, ws.Desc, eps, unitOffset, ys.Desc), nameof(AddRmsNorm));
    }

    /// <inheritdoc/>
    public override unsafe void MatMul(Tensor x, Matrix w, Tensor? bias, Tensor y)
    {
        OpChecks.MatMul(x, w, bias, y);
        if (w is not NativeMatrix native) throw new ArgumentException("the matrix was loaded by another backend", nameof(w));
        using var xs = new TensorScope(x);
        using var ys = new TensorScope(y);
        if (bias is { } b)
        {
            using var bs = new TensorScope(b);
            TensorDesc desc = bs.Desc;
            Check(srmk_matmul(_handle, xs.Desc, native.Handle, &desc, ys.Desc), nameof(MatMul));
        }
        else
        {
            Check(srmk_matmul(_handle, xs.Desc, native.Handle, null, ys.Desc), nameof(MatMul));
        }
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
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Tensor y)
    {
        OpChecks.Attention(q, k, v, positions, segments, options, y);
        using var qs = new TensorScope(q);
        using var ks = new TensorScope(k);
        using var vs = new TensorScope(v);
        using var ys = new TensorScope(y);
        fixed (int* p = positions)
        fixed (AttentionSegment* s = segments)
            Check(srmk_attention(_handle, qs.Desc, ks.Desc, vs.Desc, p, s, segments.Length, options, ys.Desc), nameof(Attention));
    }

    /// <inheritdoc/>
    public override void GatedActivation(Tensor gateUp, GatedActivationKind kind, Tensor y)
    {
        OpChecks.GatedActivation(gateUp, y);
        using var gs = new TensorScope(gateUp);
        using var ys = new TensorScope(y);
        Check(srmk_gated_activation(_handle, gs.Desc, (int)kind, ys.Desc), nameof(GatedActivation));
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
}
