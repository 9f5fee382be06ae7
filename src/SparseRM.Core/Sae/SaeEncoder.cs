using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Sae;

/// <summary>An SAE's encoder on a backend. Not thread-safe.</summary>
public sealed class SaeEncoder : IDisposable
{
    private const int MaxRows = 512;
    private readonly Backend _backend;
    private readonly List<DeviceBuffer> _vectors = [];
    private readonly float[] _normed;
    private DeviceBuffer? _input, _dense, _operand;

    /// <summary>Loads the encoder.</summary>
    /// <param name="backend">Where it goes; must outlive this.</param>
    /// <param name="sae">The description.</param>
    /// <param name="compute">F32 or BF16 (see <see cref="Matrix.Compute"/>); F32 is what SAEs were trained and gated in.</param>
    /// <exception cref="ModelFormatException">A weight is not finite or the file ends early.</exception>
    public SaeEncoder(Backend backend, SparseAutoencoder sae, DType compute = DType.F32)
    {
        (_backend, Sae) = (backend, sae);
        _normed = sae.InputNorm == SaeInputNorm.None ? [] : new float[(long)MaxRows * sae.DIn];
        WEnc = backend.LoadMatrix([new MatrixPart(sae.WEnc, IsTransposed: !sae.EncoderIsTransposed)], compute);
        try
        {
            Bias = Vector(sae.BEnc);
            Scale = sae.EncoderScale is null ? null : Vector(sae.EncoderScale);
            switch (sae.Activation)
            {
                case SaeActivation.JumpRelu jump:
                    Threshold = Vector(jump.Threshold);
                    break;
                case SaeActivation.Gated gated:
                    (GateBias, MagnitudeScale, MagnitudeBias) = (Vector(gated.GateBias), Vector(gated.MagnitudeScale), Vector(gated.MagnitudeBias));
                    break;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The description.</summary>
    public SparseAutoencoder Sae { get; }
    /// <summary>[d_sae, d_in]</summary>
    public Matrix WEnc { get; }
    /// <summary>Factor of each product, [1, d_sae], or null.</summary>
    public Tensor? Scale { get; }
    /// <summary>Added to each scaled product, [1, d_sae].</summary>
    public Tensor Bias { get; }
    /// <summary>JumpReLU's thresholds, [1, d_sae], else null.</summary>
    public Tensor? Threshold { get; }
    /// <summary>The gated SAE's vectors, [1, d_sae], else null.</summary>
    public Tensor? GateBias { get; }
    /// <summary>As <see cref="GateBias"/>.</summary>
    public Tensor? MagnitudeScale { get; }
    /// <summary>As <see cref="GateBias"/>.</summary>
    public Tensor? MagnitudeBias { get; }

    /// <summary>Encodes raw residual states.</summary>
    /// <param name="x">[n, d_in], dense.</param>
    /// <param name="row">Called for each row in order with its active latents and their activations.</param>
    public void Encode(ReadOnlySpan<float> x, RowReader row)
    {
        int rows = RowsOf(x);
        for (int start = 0; start < rows; start += MaxRows)
        {
            var input = Input(x, start, Math.Min(MaxRows, rows - start));
            _backend.SaeEncode(input, this, Latents);
            for (int i = 0; i < input.Rows; i++) row(start + i, Latents.Indices(i), Latents.Values(i));
        }
    }

    /// <summary>Counts the active latents of raw residual states on the backend; see <see cref="Backend.CountActive"/>.</summary>
    /// <param name="x">[n, d_in], dense.</param>
    /// <param name="times">[n, 2]: how often a row counts as chosen and as rejected.</param>
    /// <param name="counts">[2, d_sae], on the backend.</param>
    public void Count(ReadOnlySpan<float> x, ReadOnlySpan<int> times, Tensor counts)
    {
        int rows = RowsOf(x);
        for (int start = 0; start < rows; start += MaxRows)
        {
            var input = Input(x, start, Math.Min(MaxRows, rows - start));
            _backend.CountActive(input, this, times.Slice(2 * start, 2 * input.Rows), counts);
        }
    }

    private int RowsOf(ReadOnlySpan<float> x)
    {
        int rows = x.Length / Sae.DIn;
        return rows * Sae.DIn == x.Length ? rows : throw new ShapeMismatchException("SaeEncode", $"{x.Length} values are not rows of d_in {Sae.DIn}");
    }

    private Tensor Input(ReadOnlySpan<float> x, int start, int count)
    {
        int dIn = Sae.DIn;
        _input ??= _backend.Allocate((long)MaxRows * dIn);
        var input = new Tensor(_input, 0, count, dIn, dIn);
        _backend.Upload(Normed(x.Slice(start * dIn, count * dIn)), input);
        return input;
    }

    private ReadOnlySpan<float> Normed(ReadOnlySpan<float> rows)
    {
        if (Sae.InputNorm == SaeInputNorm.None) return rows;
        var normed = _normed.AsSpan(0, rows.Length);
        rows.CopyTo(normed);
        for (int start = 0; start < rows.Length; start += Sae.DIn) SaeNorm.Apply(Sae.InputNorm, normed.Slice(start, Sae.DIn));
        return normed;
    }

    /// <summary>Receives one row's active latents.</summary>
    public delegate void RowReader(int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> activations);

    /// <summary>Memory for the latents of one call.</summary>
    internal SparseLatents Latents { get; } = new();

    /// <summary>A dense block [rows, d_sae] for backends that gate behind a dense product.</summary>
    internal Tensor DenseBlock(int rows) => new(Grown(ref _dense, (long)rows * Sae.DSae), 0, rows, Sae.DSae, Sae.DSae);

    /// <summary>The operand [rows, d_in] of that product.</summary>
    internal Operand OperandBlock(int rows) => new(Grown(ref _operand, Operand.Length(rows, Sae.DIn)), rows, Sae.DIn, WEnc.Compute);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var vector in _vectors) vector.Dispose();
        _input?.Dispose();
        _dense?.Dispose();
        _operand?.Dispose();
        WEnc.Dispose();
    }

    private DeviceBuffer Grown(ref DeviceBuffer? buffer, long length)
    {
        if (buffer is not null && buffer.Length >= length) return buffer;
        buffer?.Dispose();
        buffer = null;
        return buffer = _backend.Allocate(length);
    }

    private Tensor Vector(float[] values)
    {
        var tensor = new Tensor(_backend.Allocate(values.Length), 0, 1, values.Length, values.Length);
        _vectors.Add(tensor.Buffer);
        _backend.Upload(values, tensor);
        return tensor;
    }
}
