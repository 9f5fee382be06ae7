using SparseRM.Backends;
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
    public override unsafe void SaeEncode(Tensor x, SaeWeights weights, SparseLatents latents)
    {
        OpChecks.SaeEncode(x, weights);
        if (weights.WEnc is not NativeMatrix matrix) throw new ArgumentException("the encoder was loaded by another backend", nameof(weights));
        using var scale = new OptionalScope(weights.Scale);
        using var bias = new OptionalScope(weights.Bias);
        using var threshold = new OptionalScope(weights.Threshold);
        using var gateBias = new OptionalScope(weights.GateBias);
        using var magnitudeScale = new OptionalScope(weights.MagnitudeScale);
        using var magnitudeBias = new OptionalScope(weights.MagnitudeBias);
        TensorDesc s = scale.Desc, b = bias.Desc, t = threshold.Desc, g = gateBias.Desc, ms = magnitudeScale.Desc, mb = magnitudeBias.Desc;
        var gate = new SaeGateDesc
        {
            Kind = (int)weights.Gate.Kind, K = weights.K, Scale = scale.IsThere ? &s : null, Bias = &b, Threshold = threshold.IsThere ? &t : null,
            GateBias = gateBias.IsThere ? &g : null, MagnitudeScale = magnitudeScale.IsThere ? &ms : null, MagnitudeBias = magnitudeBias.IsThere ? &mb : null,
        };
        using var turn = Enter(nameof(SaeEncode));
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
}
