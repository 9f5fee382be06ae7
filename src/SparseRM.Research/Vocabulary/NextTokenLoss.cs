using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Research.Vocabulary;

/// <summary>How well a language model's last states foretell the next tokens: cross-entropy, -log softmax(logits)[next], in nats.</summary>
/// <remarks>
/// logits = W_U RMSNorm(x), capped where the model does; the product on the backend in the model's type (bf16 where the model computes in int8), the sum over the
/// vocabulary in float64. To be used within a turn.
/// </remarks>
internal sealed class NextTokenLoss : IDisposable
{
    private const long MostLogits = 1 << 24; // 64 MiB
    private readonly TransformerModel _model;
    private readonly DType _compute;
    private readonly double _softcap;
    private readonly int _vocabulary, _mostRows;
    private readonly Tensor _norm;
    private readonly Matrix _rows;
    private readonly DeviceBuffer _packed, _logits, _residual;
    private readonly float[] _row;

    /// <summary>Loads the head.</summary>
    public NextTokenLoss(TransformerModel model, Unembedding head)
    {
        var (backend, dModel) = (model.Backend, model.Config.DModel);
        (_model, _softcap, _vocabulary) = (model, head.Softcap, (int)head.Rows.Shape[0]);
        _compute = model.Compute == DType.I8 ? DType.BF16 : model.Compute;
        _mostRows = (int)Math.Clamp(MostLogits / _vocabulary, 1, 512);
        _norm = backend.LoadVector(head.Norm);
        _rows = backend.LoadMatrix([new MatrixPart(head.Rows)], _compute);
        _packed = backend.Allocate(Operand.Length(_mostRows, dModel));
        _residual = backend.Allocate((long)_mostRows * dModel);
        _logits = backend.Allocate((long)_mostRows * _vocabulary);
        _row = new float[(long)_mostRows * _vocabulary];
    }

    /// <summary>The losses of some states.</summary>
    /// <param name="states">[n, d_model] after the last block.</param>
    /// <param name="next">The token that follows each, [n].</param>
    /// <param name="losses">[n]</param>
    public void Of(Tensor states, ReadOnlySpan<int> next, Span<double> losses)
    {
        var backend = _model.Backend;
        for (int start = 0; start < states.Rows; start += _mostRows)
        {
            int count = Math.Min(_mostRows, states.Rows - start), dModel = states.Columns;
            var residual = new Tensor(_residual, 0, count, dModel, dModel);
            var logits = new Tensor(_logits, 0, count, _vocabulary, _vocabulary);
            var normed = new Operand(_packed, count, dModel, _compute);
            backend.GatherRows(states.RowRange(start, count), [.. Enumerable.Range(0, count)], residual);
            backend.AddRmsNorm(residual, null, null, _norm, _model.Config.RmsNormEps, _model.Config.RmsNormUnitOffset ? 1 : 0, normed);
            backend.MatMul(normed, new Product(_rows, null, logits));
            backend.Download(logits, _row.AsSpan(0, count * _vocabulary));
            for (int i = 0; i < count; i++) losses[start + i] = Loss(_row.AsSpan(i * _vocabulary, _vocabulary), next[start + i]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _norm.Buffer.Dispose();
        _rows.Dispose();
        _packed.Dispose();
        _residual.Dispose();
        _logits.Dispose();
    }

    private double Loss(ReadOnlySpan<float> logits, int next)
    {
        double Capped(float logit) => _softcap > 0 ? _softcap * Math.Tanh(logit / _softcap) : logit;
        double most = double.NegativeInfinity, sum = 0;
        // The cap keeps the order, so the greatest logit is the greatest capped one.
        foreach (float logit in logits) most = Math.Max(most, logit);
        most = Capped((float)most);
        foreach (float logit in logits) sum += Math.Exp(Capped(logit) - most);
        return most + Math.Log(sum) - Capped(logits[next]);
    }
}
