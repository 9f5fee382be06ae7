using SparseRM.Tensors;
using SparseRM.Weights;

namespace SparseRM.Backends;

/// <summary>Supplies memory, weights and ops on one device. The forward pass, the projection and the head are written once, over this class.</summary>
/// <remarks>
/// <para>Calls enqueue on the backend's stream and may return before the work is done; <see cref="Download"/>, <see cref="PendingRows.Read"/>, <see cref="SaeEncode"/>,
/// <see cref="Time"/>, loading weights, and a default that computes on the host wait. A backend is used by one thread at a time; it may use many itself.</para>
/// <para>Every op computes each row by itself: a row's bits do not depend on the other rows, on their number or on the number of threads.
/// This is what makes a score the same in any batch. Only variants that are not <see cref="KernelVariant.BatchInvariant"/> may do else.</para>
/// <para>Fused ops are virtual, with their meaning composed from the others; an override must equal it within the op's bound.</para>
/// <para>All ops throw <see cref="Errors.ShapeMismatchException"/> for operands that do not fit, through <see cref="OpChecks"/>.</para>
/// </remarks>
public abstract class Backend : IDisposable
{
    private DeviceBuffer? _scratch;
    private HostScore? _hostScore;
    private HostSae? _hostSae;

    /// <summary>The name by which it is asked for: <c>reference</c>, <c>cpu</c>, <c>cuda:0</c>.</summary>
    public abstract string Name { get; }

    /// <summary>One line for people: device, threads, instruction sets.</summary>
    public abstract string Description { get; }

    /// <summary>Why products cannot be computed in a type here, with what to do; null where they can: F32 and BF16 everywhere.</summary>
    public virtual string? Refusal(DType compute) => compute is DType.F32 or DType.BF16 ? null
        : $"products in {compute} are computed by backend cpu alone; use that, or dtype bf16 or f32";

    /// <summary>Memory for <paramref name="length"/> floats, contents undefined.</summary>
    /// <exception cref="Errors.BackendException">Out of memory; says how much was asked for.</exception>
    public abstract DeviceBuffer Allocate(long length);

    /// <summary>Copies rows, given densely, to the device.</summary>
    public abstract void Upload(ReadOnlySpan<float> source, Tensor destination);

    /// <summary>Waits, then copies rows densely from the device.</summary>
    public abstract void Download(Tensor source, Span<float> destination);

    /// <summary>Whether ops are computed behind the calls, so that it pays to enqueue one batch while another is computed.</summary>
    public virtual bool RunsBehind => false;

    /// <summary>Enqueues a copy of rows to the host: reading them waits for what was enqueued before, and not for what comes behind.</summary>
    /// <remarks>Where a backend does not <see cref="RunsBehind"/>, they are copied when they are read, and nothing may change them until then.</remarks>
    public virtual PendingRows BeginDownload(Tensor source) => new(this, source);

    /// <summary>Loads matrices of equal inputs, stacked along their outputs, in the layout that <see cref="MatMul"/> wants.</summary>
    /// <param name="parts">At least one; shapes [outputs_p, inputs].</param>
    /// <param name="compute">F32, BF16 or I8 (see <see cref="Matrix.Compute"/>); for I8 parts are not transposed.</param>
    /// <exception cref="Errors.ModelFormatException">A weight is NaN or infinite, or the file ends early.</exception>
    /// <exception cref="Errors.BackendException">The backend does not compute in this type; see <see cref="Refusal"/>.</exception>
    public abstract Matrix LoadMatrix(ReadOnlySpan<MatrixPart> parts, DType compute);

    /// <summary>Loads a vector (norm weight, bias) as a tensor [1, n] in F32; the caller disposes its buffer.</summary>
    /// <exception cref="Errors.ModelFormatException">As <see cref="LoadMatrix"/>.</exception>
    public abstract Tensor LoadVector(WeightSlice slice);

    /// <summary>Opens an embedding table where it lies.</summary>
    public abstract EmbeddingTable OpenEmbedding(WeightSlice slice);

    /// <summary>y[i] = table[ids[i]] * scale.</summary>
    /// <remarks>Shapes: y [n_tokens, d_model]. The product is rounded once, to F32; the caller rounds <paramref name="scale"/>.</remarks>
    /// <exception cref="Errors.ModelFormatException">A row that is read holds NaN or an infinity.</exception>
    public abstract void Embed(EmbeddingTable table, ReadOnlySpan<int> ids, float scale, Tensor y);

    /// <summary>y[g] = x[g] / sqrt(mean(x[g]^2) + eps) * (weight + unitOffset), for every group g of n columns of every row.</summary>
    /// <remarks>
    /// Shapes: x, y [n_tokens, groups * n] (may be the same tensor); weight [1, n]. Groups are one for a block's norm, heads for a QK norm.
    /// Sums in F32 or wider. Source: Zhang and Sennrich 2019; HF Gemma2RMSNorm for the offset (1 for Gemma, 0 for others).
    /// </remarks>
    public abstract void RmsNorm(Tensor x, Tensor weight, float eps, float unitOffset, Tensor y);

    /// <summary>y = x, rounded to y's compute type.</summary>
    /// <remarks>Shapes: x, y [n, inputs].</remarks>
    public abstract void Pack(Tensor x, Operand y);

    /// <summary>delta = RmsNorm(delta; deltaWeight) where that is given; residual += delta where that is given; y = RmsNorm(residual; weight).</summary>
    /// <remarks>
    /// Shapes: residual, delta, y [n_tokens, d_model], all different memory; weights [1, d_model]. What reads y next are products, so it is
    /// written as their operand. eps and unitOffset serve both norms. See <see cref="RmsNorm"/>.
    /// </remarks>
    public virtual void AddRmsNorm(Tensor residual, Tensor? delta, Tensor? deltaWeight, Tensor weight, float eps, float unitOffset, Operand y)
    {
        OpChecks.AddRmsNorm(residual, delta, deltaWeight, weight, y);
        if (delta is { } added)
        {
            if (deltaWeight is { } norm) RmsNorm(added, norm, eps, unitOffset, added);
            Add(residual, added, residual);
        }
        var normed = Scratch(residual.Rows, residual.Columns);
        RmsNorm(residual, weight, eps, unitOffset, normed);
        Pack(normed, y);
    }

    /// <summary>y_p = x · w_pᵀ + bias_p, for each of the products, at most four: those that read one operand are given together.</summary>
    /// <remarks>
    /// Shapes: see <see cref="Product"/>. Products are exact, sums in F32 or wider, over the whole of inputs in an order that depends on nothing
    /// but inputs. The operand's compute type is the matrices'.
    /// </remarks>
    public abstract void MatMul(Operand x, params ReadOnlySpan<Product> products);

    /// <summary>y = act(x · gateᵀ) * (x · upᵀ), rounded to y's compute type.</summary>
    /// <remarks>Shapes: x [n, inputs], gate and up [m, inputs], y [n, m]; y is not x. Sums as in <see cref="MatMul"/>.</remarks>
    public virtual void GatedMatMul(Operand x, Matrix gate, Matrix up, GatedActivationKind kind, Operand y)
    {
        OpChecks.GatedMatMul(x, gate, up, y);
        var both = Scratch(y.Rows, 2 * y.Columns);
        var (g, u) = (both.ColumnRange(0, y.Columns), both.ColumnRange(y.Columns, y.Columns));
        MatMul(x, new Product(gate, null, g), new Product(up, null, u));
        GatedActivation(g, u, kind, y);
    }

    /// <summary>y = act(gate) * up, rounded to y's compute type.</summary>
    /// <remarks>Shapes: all [n, m].</remarks>
    public abstract void GatedActivation(Tensor gate, Tensor up, GatedActivationKind kind, Operand y);

    /// <summary>Rotates each head of each row in place by the angles of its position ("rotate half").</summary>
    /// <remarks>
    /// x [n_tokens, heads * d_head]; cosSin [positions, d_head]: the first half of row p is cos(p f_i), the second sin(p f_i), i &lt; d_head/2.
    /// x'[i] = x[i] cos - x[i + d_head/2] sin; x'[i + d_head/2] = x[i + d_head/2] cos + x[i] sin. Source: Su et al. 2021; HF apply_rotary_pos_emb.
    /// </remarks>
    public abstract void Rope(Tensor x, ReadOnlySpan<int> positions, Tensor cosSin);

    /// <summary>y = softmax(mask(softcap(scale · q kᵀ))) v, for each segment and head, rounded to y's compute type.</summary>
    /// <remarks>
    /// Shapes: q, y [queries, heads * d_head]; k, v [keys, kv_heads * d_head]; positions [queries]: index of each query in its own sequence.
    /// The softmax is F32 or wider, subtracts the row's maximum; see <see cref="AttentionSegment"/> and <see cref="AttentionOptions"/>.
    /// Query rows that no segment covers are undefined. Sums run over the keys in order, however the sequence is split into prefix and own part.
    /// Where y computes in BF16 or I8, q, k, v and the softmax's weights may be rounded to BF16 before their products, as transformers has them.
    /// </remarks>
    public abstract void Attention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> positions, ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y);

    /// <summary>
    /// Whether <see cref="RopeAttention"/> is more than <see cref="Rope"/> and <see cref="Attention"/> one after the other. Where it is not, keys are kept rotated,
    /// so that those of earlier passes are rotated once.
    /// </summary>
    public virtual bool FusesRopeAttention => false;

    /// <summary>y = Attention(Rope(q), Rope(k), v): what q and k hold afterwards is undefined.</summary>
    /// <remarks>
    /// queryPositions [queries] and keyPositions [keys] are the positions of the rows of q and of k and v; the others are those of
    /// <see cref="Rope"/> and <see cref="Attention"/>.
    /// </remarks>
    public virtual void RopeAttention(
        Tensor q, Tensor k, Tensor v, ReadOnlySpan<int> queryPositions, ReadOnlySpan<int> keyPositions, Tensor cosSin,
        ReadOnlySpan<AttentionSegment> segments, in AttentionOptions options, Operand y)
    {
        OpChecks.RopeAttention(q, k, v, queryPositions, keyPositions, cosSin, segments, options, y);
        Rope(q, queryPositions, cosSin);
        Rope(k, keyPositions, cosSin);
        Attention(q, k, v, queryPositions, segments, options, y);
    }

    /// <summary>y = a + b.</summary>
    /// <remarks>Shapes: all [n, m]; y may be a or b.</remarks>
    public abstract void Add(Tensor a, Tensor b, Tensor y);

    /// <summary>y[i] = x[rows[i]].</summary>
    public abstract void GatherRows(Tensor x, ReadOnlySpan<int> rows, Tensor y);

    /// <summary>y[i] = mean of x[starts[i]] .. x[starts[i + 1] - 1].</summary>
    /// <remarks>starts has one more entry than y has rows and rises strictly. Sums in F32 or wider, in row order.</remarks>
    public abstract void MeanRows(Tensor x, ReadOnlySpan<int> starts, Tensor y);

    /// <summary>The sparse latents of each row: pre = (x · wEncᵀ) * scale + bias, then the activation. Waits.</summary>
    /// <remarks>
    /// Shapes: x [n, d_in] (already normalised where the SAE asks for it), the encoder's matrix [d_sae, d_in]; <paramref name="latents"/> is
    /// overwritten with n rows, ids rising in each row, only values above zero. The default goes through a dense block of a few rows and
    /// <see cref="SaeGate"/>; an override may fuse.
    /// </remarks>
    public virtual void SaeEncode(Tensor x, SaeWeights weights, SparseLatents latents)
    {
        OpChecks.SaeEncode(x, weights);
        (_hostSae ??= new HostSae(this)).Encode(x, weights, latents);
    }

    /// <summary>counts[s, j] += times[i, s] for every row i in which latent j is active; s = 0 for chosen samples, 1 for rejected ones.</summary>
    /// <remarks>
    /// Shapes: x [n, d_in] as in <see cref="SaeEncode"/>; times [n, 2] row after row; counts [2, d_sae]. Counts are integers in F32, exact as long
    /// as they stay below 2^24, whatever the order of the additions. An override need not bring the latents to the host.
    /// </remarks>
    public virtual void CountActive(Tensor x, SaeWeights weights, ReadOnlySpan<int> times, Tensor counts)
    {
        OpChecks.CountActive(x, weights, times, counts);
        (_hostSae ??= new HostSae(this)).Count(x, weights, times, counts);
    }

    /// <summary>Whether <see cref="Score"/> reads its weights on the host, so that they need not be brought to the backend's memory.</summary>
    public virtual bool ScoresOnHost => true;

    /// <summary>scores[i, h] = W2_h relu(W1_h v + b1_h) + b2_h with v = (&lt;z_i, d_1&gt;, ..): the projection and all heads in one op.</summary>
    /// <remarks>
    /// Shapes: z [n, d_model], scores [n, heads]. v is computed once for all heads and rounded to F32; everything else is summed in F64, in the
    /// order of <see cref="DotProduct"/> and of the hidden units, so the bits are those of the host on every backend, for any number of heads.
    /// A row of z with NaN or an infinity scores NaN on each. Source: arXiv 2511.07896, 2K-512-1.
    /// </remarks>
    public virtual void Score(Tensor z, ScoreWeights weights, Tensor scores)
    {
        OpChecks.Score(z, weights, scores);
        (_hostScore ??= new HostScore()).Run(this, z, weights, scores);
    }

    /// <summary>The ways in which this backend can compute an op, slowest first; one entry named <c>scalar</c> where there is no choice.</summary>
    public virtual IReadOnlyList<KernelVariant> Variants(OpKind op) => [new("scalar", true, true)];

    /// <summary>Chooses a variant by name.</summary>
    /// <exception cref="Errors.BackendException">Unknown, or not supported by this machine; the message lists those that are.</exception>
    public virtual void Select(OpKind op, string variant)
    {
        if (variant != "scalar") throw new Errors.BackendException(Name, $"{op} has no variant \"{variant}\"; it has: scalar");
    }

    /// <summary>The variant that computed the op last: the selected one, or where that does not take the operands, the one that did.</summary>
    public virtual string Computed(OpKind op) => Variants(op).First(variant => variant.Selected).Name;

    /// <summary>The variant whose kernels compute an op in a type where <paramref name="variant"/> is selected: itself, or a slower one where it has none for the type.</summary>
    /// <remarks>The types alone: what the operands' shape decides, too, is what <see cref="Computed"/> tells.</remarks>
    /// <param name="op">The op.</param>
    /// <param name="variant">One of <see cref="Variants"/>.</param>
    /// <param name="compute">F32, BF16 or I8 (see <see cref="Matrix.Compute"/>).</param>
    public virtual string Computing(OpKind op, string variant, DType compute) => variant;

    /// <summary>Measures what the device reaches at most: arithmetic slowest instructions first, then reads from near to far; empty where nothing is known.</summary>
    /// <param name="seconds">About how long each measurement takes.</param>
    public virtual IReadOnlyList<Peak> MeasurePeaks(double seconds) => [];

    /// <summary>Seconds that the ops of a call take. Waits for their end.</summary>
    /// <remarks>
    /// By the clock of the host where an op is done when it returns. A device that works on by itself measures between two marks before
    /// and after them, once what earlier calls left in its caches is out of there; where the call waits itself, idle time counts too.
    /// </remarks>
    public virtual double Time(Action call)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        call();
        return System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Frees what the backend itself holds; buffers and weights are disposed by their owners, before.</summary>
    public virtual void Dispose()
    {
        _scratch?.Dispose();
        _hostSae?.Dispose();
    }

    /// <summary>Memory of the composed ops between their steps; valid until the next call.</summary>
    private Tensor Scratch(int rows, int columns)
    {
        long length = (long)rows * columns;
        if (_scratch is null || _scratch.Length < length)
        {
            _scratch?.Dispose();
            _scratch = null;
            _scratch = Allocate(length);
        }
        return new Tensor(_scratch, 0, rows, columns, columns);
    }
}
