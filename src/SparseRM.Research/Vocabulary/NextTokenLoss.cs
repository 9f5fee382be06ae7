using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Research.Vocabulary;

/// <summary>How well a language model's last states predict the next tokens: cross-entropy, -log softmax(logits)[next], in nats.</summary>
/// <remarks>
/// logits = W_U RMSNorm(x), capped where the model does: c tanh(logit / c). The product is the backend's in the model's type (bf16 where the model computes in int8), the sum
/// over the vocabulary is in float64. Made, used and disposed within a turn.
/// </remarks>
internal sealed class NextTokenLoss : IDisposable
{
    private const long MostLogits = 1 << 24; // 64 MiB
    private readonly List<IDisposable> _owned = [];
    private readonly TransformerModel _model;
    private readonly DType _compute;
    private readonly int _vocabulary, _mostRows;
    private readonly Tensor _norm;
    private readonly Matrix _rows;
    private readonly DeviceBuffer _packed, _logits;
    private readonly float[] _downloaded;

    /// <summary>Loads the head.</summary>
    /// <param name="model">With its last block.</param>
    /// <param name="head">Of the same folder.</param>
    /// <param name="mostRows">States at once; as many as keep 64 MiB of logits where it is 0.</param>
    /// <exception cref="Errors.SparseRMException">A weight is not finite, the file ends early, or the backend has no memory left.</exception>
    public NextTokenLoss(TransformerModel model, Unembedding head, int mostRows = 0)
    {
        var (backend, dModel) = (model.Backend, model.Config.DModel);
        (_model, _vocabulary) = (model, (int)head.Rows.Shape[0]);
        _compute = model.Compute == DType.I8 ? DType.BF16 : model.Compute;
        _mostRows = mostRows > 0 ? mostRows : (int)Math.Clamp(MostLogits / _vocabulary, 1, 512);
        try
        {
            _norm = backend.LoadVector(head.Norm);
            _owned.Add(_norm.Buffer);
            _owned.Add(_rows = backend.LoadMatrix([new MatrixPart(head.Rows)], _compute));
            _owned.Add(_packed = backend.Allocate(Operand.Length(_mostRows, dModel)));
            _owned.Add(_logits = backend.Allocate((long)_mostRows * _vocabulary));
        }
        catch
        {
            Dispose();
            throw;
        }
        _downloaded = new float[(long)_mostRows * _vocabulary];
    }

    /// <summary>The losses of some states.</summary>
    /// <param name="states">[n, d_model] after the last block.</param>
    /// <param name="next">The token that follows each, [n].</param>
    /// <param name="losses">[n]</param>
    public void Of(Tensor states, int[] next, double[] losses)
    {
        var (backend, config) = (_model.Backend, _model.Config);
        for (int start = 0; start < states.Rows; start += _mostRows)
        {
            int first = start, count = Math.Min(_mostRows, states.Rows - start);
            var logits = new Tensor(_logits, 0, count, _vocabulary, _vocabulary);
            var normed = new Operand(_packed, count, states.Columns, _compute);
            backend.AddRmsNorm(states.RowRange(start, count), null, null, _norm, config.RmsNormEps, config.RmsNormUnitOffset ? 1 : 0, normed);
            backend.MatMul(normed, new Product(_rows, null, logits));
            backend.Download(logits, _downloaded.AsSpan(0, count * _vocabulary));
            Parallel.For(0, count, i => losses[first + i] = Loss(_downloaded.AsSpan(i * _vocabulary, _vocabulary), next[first + i]));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in _owned) owned.Dispose();
    }

    private double Loss(ReadOnlySpan<float> logits, int next)
    {
        double softcap = _model.Config.FinalLogitSoftcap;
        double Capped(float logit) => softcap > 0 ? softcap * Math.Tanh(logit / softcap) : logit;
        float greatest = float.NegativeInfinity;
        double sum = 0;
        foreach (float logit in logits) greatest = Math.Max(greatest, logit);
        // The cap keeps the order, so the greatest logit is the greatest capped one.
        double most = Capped(greatest);
        foreach (float logit in logits) sum += Math.Exp(Capped(logit) - most);
        return most + Math.Log(sum) - Capped(logits[next]);
    }
}
