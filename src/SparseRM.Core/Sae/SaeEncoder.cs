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
    private readonly SparseLatents _latents = new();
    private readonly Matrix _wEnc;
    private readonly float[] _normed;
    private DeviceBuffer? _input;

    /// <summary>Loads the encoder.</summary>
    /// <param name="backend">Where it goes; must outlive this.</param>
    /// <param name="sae">The description.</param>
    /// <param name="compute">F32 or BF16 (see <see cref="Matrix.Compute"/>); F32 is what SAEs were trained and gated in.</param>
    /// <exception cref="ModelFormatException">A weight is not finite or the file ends early.</exception>
    public SaeEncoder(Backend backend, SparseAutoencoder sae, DType compute = DType.F32)
    {
        if (compute == DType.I8) throw new SparseRMException(ErrorKind.Usage, "an SAE encodes in f32 or bf16, not in int8");
        (_backend, Sae) = (backend, sae);
        _normed = sae.InputNorm == SaeInputNorm.None ? [] : new float[(long)MaxRows * sae.DIn];
        _wEnc = backend.LoadMatrix([new MatrixPart(sae.WEnc, IsTransposed: !sae.EncoderIsTransposed)], compute);
        try
        {
            var gate = sae.Activation.Gate;
            Weights = new SaeWeights
            {
                WEnc = _wEnc,
                Scale = Vector(sae.EncoderScale),
                Bias = Vector(sae.BEnc)!.Value,
                Gate = gate,
                Threshold = Vector(gate.Threshold),
                GateBias = Vector(gate.GateBias),
                MagnitudeScale = Vector(gate.MagnitudeScale),
                MagnitudeBias = Vector(gate.MagnitudeBias),
                HostScale = sae.EncoderScale,
                HostBias = sae.BEnc,
            };
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The description.</summary>
    public SparseAutoencoder Sae { get; }

    /// <summary>What <see cref="Backend.SaeEncode"/> takes, for states that are normed already; not to be used once this is disposed.</summary>
    public SaeWeights Weights { get; }

    /// <summary>Encodes raw residual states where they are.</summary>
    /// <param name="x">[n, d_in], on the backend. Comes to the host and back only where the SAE norms its input.</param>
    /// <param name="row">Called for each row in order with its active latents and their activations.</param>
    public void Encode(Tensor x, RowReader row)
    {
        for (int start = 0; start < x.Rows; start += MaxRows) EncodeBlock(Input(x, start), start, row);
    }

    /// <summary>Encodes raw residual states of the host.</summary>
    /// <param name="x">[n, d_in], dense.</param>
    /// <param name="row">As above.</param>
    public void Encode(ReadOnlySpan<float> x, RowReader row)
    {
        int rows = RowsOf(x);
        for (int start = 0; start < rows; start += MaxRows) EncodeBlock(Input(x, start, rows), start, row);
    }

    /// <summary>Counts the active latents of raw residual states where they are; see <see cref="Backend.CountActive"/>.</summary>
    /// <param name="x">As in <see cref="Encode(Tensor, RowReader)"/>.</param>
    /// <param name="times">[n, 2]: how often a row counts as chosen and as rejected.</param>
    /// <param name="counts">[2, d_sae], on the backend.</param>
    public void Count(Tensor x, ReadOnlySpan<int> times, Tensor counts)
    {
        for (int start = 0; start < x.Rows; start += MaxRows) CountBlock(Input(x, start), start, times, counts);
    }

    /// <summary>Receives one row's active latents.</summary>
    public delegate void RowReader(int row, ReadOnlySpan<int> latents, ReadOnlySpan<float> activations);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var vector in _vectors) vector.Dispose();
        _input?.Dispose();
        _wEnc.Dispose();
    }

    private void EncodeBlock(Tensor input, int start, RowReader row)
    {
        _backend.SaeEncode(input, Weights, _latents);
        for (int i = 0; i < input.Rows; i++) row(start + i, _latents.Indices(i), _latents.Values(i));
    }

    private void CountBlock(Tensor input, int start, ReadOnlySpan<int> times, Tensor counts) =>
        _backend.CountActive(input, Weights, times.Slice(2 * start, 2 * input.Rows), counts);

    private int RowsOf(ReadOnlySpan<float> x)
    {
        int rows = x.Length / Sae.DIn;
        return rows * Sae.DIn == x.Length ? rows : throw new ShapeMismatchException("SaeEncode", $"{x.Length} values are not rows of d_in {Sae.DIn}");
    }

    private Tensor Input(Tensor x, int start)
    {
        if (x.Columns != Sae.DIn) throw new ShapeMismatchException("SaeEncode", $"x is {x}, the SAE takes d_in = {Sae.DIn}");
        var block = x.RowRange(start, Math.Min(MaxRows, x.Rows - start));
        if (Sae.InputNorm == SaeInputNorm.None) return block;
        var normed = _normed.AsSpan(0, block.Rows * Sae.DIn);
        _backend.Download(block, normed);
        return Sent(Normed(normed));
    }

    private Tensor Input(ReadOnlySpan<float> x, int start, int rows)
    {
        var block = x.Slice(start * Sae.DIn, Math.Min(MaxRows, rows - start) * Sae.DIn);
        if (Sae.InputNorm == SaeInputNorm.None) return Sent(block);
        block.CopyTo(_normed);
        return Sent(Normed(_normed.AsSpan(0, block.Length)));
    }

    private ReadOnlySpan<float> Normed(Span<float> rows)
    {
        for (int start = 0; start < rows.Length; start += Sae.DIn) SaeNorm.Apply(Sae.InputNorm, rows.Slice(start, Sae.DIn));
        return rows;
    }

    private Tensor Sent(ReadOnlySpan<float> rows)
    {
        _input ??= _backend.Allocate((long)MaxRows * Sae.DIn);
        var input = new Tensor(_input, 0, rows.Length / Sae.DIn, Sae.DIn, Sae.DIn);
        _backend.Upload(rows, input);
        return input;
    }

    /// <summary>The values in the backend's memory; null where there are none.</summary>
    private Tensor? Vector(float[]? values)
    {
        if (values is null or []) return null;
        var tensor = new Tensor(_backend.Allocate(values.Length), 0, 1, values.Length, values.Length);
        _vectors.Add(tensor.Buffer);
        _backend.Upload(values, tensor);
        return tensor;
    }
}
