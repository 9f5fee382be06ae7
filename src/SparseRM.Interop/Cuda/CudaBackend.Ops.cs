using SparseRM.Backends;
using SparseRM.Interop.Cuda.Ops;
using SparseRM.Tensors;

namespace SparseRM.Interop.Cuda;

public sealed partial class CudaBackend
{
    private CudaSaeEncode? _saeEncode;
    private CudaSaeLists? _saeLists;
    private CudaCountActive? _countActive;

    /// <summary>Reused from call to call, so that a steady state allocates nothing.</summary>
    internal List<CudaAttention.Tile> AttentionTiles { get; } = [];

    /// <inheritdoc/>
    public override void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y)
    {
        OpChecks.Embed(table, ids, y);
        using var call = Enter();
        if (table is not CudaEmbedding own) throw new ArgumentException("the table was opened by another backend", nameof(table));
        CudaEmbed.Run(this, own, ids, scale, Rows(y));
    }

    /// <inheritdoc/>
    public override void RmsNorm(Tensor x, Tensor weight, float eps, float unitOffset, Tensor y)
    {
        OpChecks.RmsNorm(x, weight, y);
        using var call = Enter();
        CudaRmsNorm.Run(this, Rows(x), Rows(weight), eps, unitOffset, Rows(y));
    }

    /// <inheritdoc/>
    public override void AddRmsNorm(Tensor residual, Tensor? delta, Tensor? deltaWeight, Tensor weight, float eps, float unitOffset, Operand y)
    {
        OpChecks.AddRmsNorm(residual, delta, deltaWeight, weight, y);
        using var call = Enter();
        CudaAddRmsNorm.Run(this, Rows(residual), Optional(delta), Optional(deltaWeight), Rows(weight), eps, unitOffset, Rows(y));
    }

    /// <inheritdoc/>
    public override void Pack(Tensor x, Operand y)
    {
        OpChecks.Pack(x, y);
        using var call = Enter();
        CudaPack.Run(this, Rows(x), Rows(y));
    }

    /// <inheritdoc/>
    public override void MatMul(Operand x, params ReadOnlySpan<Product> products)
    {
        OpChecks.MatMul(x, products);
        using var call = Enter();
        foreach (var product in products) CudaMatMul.Run(this, Rows(x), Own(product.W), Optional(product.Bias), Rows(product.Y));
    }

    /// <inheritdoc/>
    public override void GatedMatMul(Operand x, Matrix gate, Matrix up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedMatMul(x, gate, up, y);
        // The kernels take both in one storage type, and store pairs of bf16, for which rows of one or two outputs have no room.
        if (Own(gate).Types != Own(up).Types || gate.Outputs < 3)
        {
            base.GatedMatMul(x, gate, up, kind, y);
            return;
        }
        using var call = Enter();
        CudaGatedMatMul.Run(this, Rows(x), Own(gate), Own(up), kind, Rows(y));
    }

    /// <inheritdoc/>
    public override void GatedActivation(Tensor gate, Tensor up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedActivation(gate, up, y);
        using var call = Enter();
        CudaGatedActivation.Run(this, Rows(gate), Rows(up), kind, Rows(y));
    }

    /// <inheritdoc/>
    public override void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin)
    {
        OpChecks.Rope(x, positions, cosSin);
        using var call = Enter();
        CudaRope.Run(this, Rows(x), positions, Rows(cosSin));
    }

    /// <inheritdoc/>
    public override void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.Attention(q, k, v, positions, segments, options, y);
        using var call = Enter();
        CudaAttention.Run(this, Rows(q), Rows(k), Rows(v), positions, segments, options, Rows(y));
    }

    /// <inheritdoc/>
    public override bool FusesRopeAttention => true;

    /// <inheritdoc/>
    /// <remarks>Where attention reads operands, one kernel rotates and packs them; else rope and attention follow each other.</remarks>
    public override void RopeAttention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> queryPositions, ReadOnlySpan<int> keyPositions, Tensor cosSin,
        ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.RopeAttention(q, k, v, queryPositions, keyPositions, cosSin, segments, options, y);
        using (var call = Enter())
        {
            if (CudaRopeAttention.Fits(this, options, y))
            {
                CudaAttention.Run(this, Rows(q), Rows(k), Rows(v), queryPositions, segments, options, Rows(y), Rows(cosSin), keyPositions);
                return;
            }
            _computed[OpKind.RopeAttention] = CudaRopeAttention.Variants[0];
        }
        base.RopeAttention(q, k, v, queryPositions, keyPositions, cosSin, segments, options, y);
    }

    /// <inheritdoc/>
    public override void Add(Tensor a, Tensor b, Tensor y)
    {
        OpChecks.SameShape(nameof(Add), a, b);
        OpChecks.SameShape(nameof(Add), a, y);
        using var call = Enter();
        CudaAdd.Run(this, Rows(a), Rows(b), Rows(y));
    }

    /// <inheritdoc/>
    public override void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y)
    {
        OpChecks.GatherRows(x, rows, y);
        using var call = Enter();
        CudaGatherRows.Run(this, Rows(x), rows, Rows(y));
    }

    /// <inheritdoc/>
    public override void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y)
    {
        OpChecks.MeanRows(x, starts, y);
        using var call = Enter();
        CudaMeanRows.Run(this, Rows(x), starts, Rows(y));
    }

    /// <inheritdoc/>
    /// <remarks>Products, gate and compaction stay on the device; of the products a bounded tile is in memory at a time.</remarks>
    public override void SaeEncode(Tensor x, SaeWeights weights, SparseLatents latents)
    {
        OpChecks.SaeEncode(x, weights);
        using var call = Enter();
        latents.Clear();
        (_saeEncode ??= new CudaSaeEncode(this)).Run(x, weights, Own(weights.WEnc), (_saeLists ??= new CudaSaeLists(this)).To(latents));
    }

    /// <inheritdoc/>
    /// <remarks>Nothing comes to the host, and nothing is waited for.</remarks>
    public override void CountActive(Tensor x, SaeWeights weights, ReadOnlySpan<int> times, Tensor counts)
    {
        OpChecks.CountActive(x, weights, times, counts);
        using var call = Enter();
        var sink = (_countActive ??= new CudaCountActive(this)).To(times, Rows(counts));
        (_saeEncode ??= new CudaSaeEncode(this)).Run(x, weights, Own(weights.WEnc), sink);
    }

    /// <inheritdoc/>
    public override bool ScoresOnHost => false;

    /// <inheritdoc/>
    /// <remarks>A head too wide for a block's shared memory is computed on the host.</remarks>
    public override void Score(Tensor z, ScoreWeights weights, Tensor scores)
    {
        OpChecks.Score(z, weights, scores);
        if (!CudaScore.Fits(weights))
        {
            base.Score(z, weights, scores);
            return;
        }
        using var call = Enter();
        CudaScore.Run(this, Rows(z), weights, Rows(scores));
    }

    private static CudaRows? Optional(Tensor? tensor) => tensor is { } there ? Rows(there) : null;

    private static CudaMatrix Own(Matrix matrix) =>
        matrix as CudaMatrix ?? throw new ArgumentException("the matrix was loaded by another backend", nameof(matrix));
}
