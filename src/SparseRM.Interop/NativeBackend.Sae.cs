using SparseRM.Backends;
using SparseRM.Sae;
using SparseRM.Tensors;
using static SparseRM.Interop.NativeMethods;

namespace SparseRM.Interop;

public sealed partial class NativeBackend
{
    /// <summary>Rows of one native call: bounds what a dense ReLU can leave in native memory.</summary>
    private const int SaeRows = 512;

    private SparseLatents.Filler? _saeFiller;
    private int _saeRow;

    /// <inheritdoc/>
    /// <remarks>The gate runs on each tile of the product; pre-activations are never stored.</remarks>
    public override unsafe void SaeEncode(Tensor x, SaeEncoder encoder, SparseLatents latents)
    {
        OpChecks.SaeEncode(x, encoder);
        if (encoder.WEnc is not NativeMatrix matrix) throw new ArgumentException("the encoder was loaded by another backend", nameof(encoder));
        using var scale = new OptionalScope(encoder.Scale);
        using var bias = new OptionalScope(encoder.Bias);
        using var threshold = new OptionalScope(encoder.Threshold);
        using var gateBias = new OptionalScope(encoder.GateBias);
        using var magnitudeScale = new OptionalScope(encoder.MagnitudeScale);
        using var magnitudeBias = new OptionalScope(encoder.MagnitudeBias);
        TensorDesc s = scale.Desc, b = bias.Desc, t = threshold.Desc, g = gateBias.Desc, ms = magnitudeScale.Desc, mb = magnitudeBias.Desc;
        var (kind, k) = Kind(encoder.Sae);
        var gate = new SaeGateDesc
        {
            Kind = kind, K = k, Scale = scale.IsThere ? &s : null, Bias = &b, Threshold = threshold.IsThere ? &t : null,
            GateBias = gateBias.IsThere ? &g : null, MagnitudeScale = magnitudeScale.IsThere ? &ms : null, MagnitudeBias = magnitudeBias.IsThere ? &mb : null,
        };
        latents.Clear();
        _saeFiller ??= FillRow;
        for (int start = 0; start < x.Rows; start += SaeRows)
        {
            int rows = Math.Min(SaeRows, x.Rows - start);
            using var xs = new TensorScope(x.RowRange(start, rows));
            Check(srmk_sae_encode(_handle, xs.Desc, matrix.Handle, gate), nameof(SaeEncode));
            for (_saeRow = 0; _saeRow < rows; _saeRow++) latents.AddRow((int)srmk_sae_row(_handle, _saeRow, out _, out _), _saeFiller);
        }
    }

    private unsafe int FillRow(Span<int> indices, Span<float> values)
    {
        int count = (int)srmk_sae_row(_handle, _saeRow, out int* ids, out float* activations);
        new ReadOnlySpan<int>(ids, count).CopyTo(indices);
        new ReadOnlySpan<float>(activations, count).CopyTo(values);
        return count;
    }

    private static (int Kind, int K) Kind(SparseAutoencoder sae) => sae.Activation switch
    {
        SaeActivation.Relu => (0, 0),
        SaeActivation.JumpRelu => (1, 0),
        SaeActivation.TopK top => (2, SaeGate.Capacity(top, sae.DSae)),
        SaeActivation.GroupMax group => (3, SaeGate.Capacity(group, sae.DSae)),
        SaeActivation.Gated => (4, 0),
        _ => throw new ArgumentOutOfRangeException(nameof(sae), sae.Activation, "is no known activation"),
    };
}
