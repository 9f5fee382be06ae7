using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Research.Vocabulary;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Research.SaeTraining;

/// <summary>Measures <see cref="SplicedLoss"/> of SAEs of one layer on the same texts.</summary>
internal sealed class SplicedLossMeter : IDisposable
{
    private const int Enough = 4096;
    private readonly Backbone _backbone;
    private readonly TrainingTexts _texts;
    private readonly Piece[] _pieces;
    private readonly int _layer, _last, _tokens;
    private NextTokenLoss? _loss;
    private TransformerForward? _forward;
    private (double Loss, double WithZeros)? _model;

    /// <summary>Loads the rest of the model, where its folder has it.</summary>
    /// <param name="backbone">The model.</param>
    /// <param name="texts">Knows which tokens count.</param>
    /// <param name="pieces">Texts to measure on: the first that hold 4,096 predictions.</param>
    /// <param name="layer">The SAEs'.</param>
    /// <param name="cancel">Heard between blocks.</param>
    /// <exception cref="SparseRMException">Nothing can be measured: the folder lacks a later block or the head, or memory is short.</exception>
    public SplicedLossMeter(Backbone backbone, TrainingTexts texts, IEnumerable<TokenSequence> pieces, int layer, CancellationToken cancel = default)
    {
        (_backbone, _texts, _layer, _last) = (backbone, texts, layer, backbone.Config.NLayers - 1);
        var taken = new List<Piece>();
        foreach (var sequence in pieces)
        {
            // From replaced states, and to a token that is there.
            int[] places = [.. Enumerable.Range(0, sequence.Ids.Length - 1).Where(place => texts.Counts(sequence.Ids.Span[place]))];
            if (places.Length == 0) continue;
            taken.Add(new Piece(sequence.Ids, places, [.. places.Select(place => sequence.Ids.Span[place + 1])]));
            if ((_tokens += places.Length) >= Enough) break;
        }
        if (_tokens == 0) throw new SparseRMException("no held-out token has a next one");
        _pieces = [.. taken];
        var head = Unembedding.Open(backbone.Model.Folder, out string missing) ?? throw new SparseRMException(missing);
        backbone.Load(_last, null, cancel);
        try
        {
            backbone.Engine.Use(() => (_loss, _forward) = (new NextTokenLoss(backbone.Model, head), new TransformerForward(backbone.Model)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Measures an SAE.</summary>
    /// <param name="sae">Of the layer.</param>
    /// <param name="progress">Told of the texts done.</param>
    /// <param name="cancel">Heard between texts.</param>
    /// <exception cref="SparseRMException">A loss is not finite.</exception>
    public SplicedLoss Measure(SparseAutoencoder sae, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        double sum = 0, plain = 0, zeros = 0;
        SaeEncoder? encoder = null;
        try
        {
            for (int i = 0; i < _pieces.Length; i++)
            {
                cancel.ThrowIfCancellationRequested();
                progress?.Report(new WorkProgress("measuring the loss", i, _pieces.Length));
                var piece = _pieces[i];
                if (_model is null)
                {
                    plain += Plain(piece);
                    zeros += Spliced(piece, States(piece), new float[piece.Ids.Length * _backbone.DModel]);
                }
                float[] x = States(piece);
                var latents = new List<(int[] Ids, float[] Values)>(piece.Ids.Length);
                _backbone.Engine.Use(() => (encoder ??= new SaeEncoder(_backbone.Backend, sae)).Encode(x, (_, ids, values) => latents.Add((ids.ToArray(), values.ToArray()))));
                sum += Spliced(piece, x, SaeDecoder.Reconstruct(sae, x, latents));
            }
        }
        finally
        {
            _backbone.Engine.Use(() => encoder?.Dispose());
        }
        _model ??= (Mean(plain, "of the model"), Mean(zeros, "of the model with zeros for states"));
        return new SplicedLoss(_model.Value.Loss, Mean(sum, "with the SAE's reconstructions"), _model.Value.WithZeros, _tokens);
    }

    /// <inheritdoc/>
    public void Dispose() => _backbone.Engine.Use(() =>
    {
        _loss?.Dispose();
        _forward?.Dispose();
    });

    private double Mean(double sum, string of) =>
        double.IsFinite(sum) ? sum / _tokens : throw new SparseRMException(ErrorKind.Numeric, $"the loss {of} is not finite; the dtype may not carry these texts (try f32)");

    // Each of the following takes a turn: others use the model meanwhile.
    private double Plain(Piece piece)
    {
        double loss = 0;
        _backbone.Engine.Use(() => loss = LossOf(_forward!.RunToLayer(piece.Batch, _last), piece));
        return loss;
    }

    private float[] States(Piece piece)
    {
        float[] x = new float[piece.Ids.Length * _backbone.DModel];
        _backbone.Engine.Use(() => _backbone.Backend.Download(_forward!.RunToLayer(piece.Batch, _layer), x));
        return x;
    }

    /// <summary>The loss where rows stand in place of states, but for those of special tokens, which are put among the rows.</summary>
    private double Spliced(Piece piece, float[] states, float[] rows)
    {
        var (length, dModel, loss) = (piece.Ids.Length, _backbone.DModel, 0.0);
        for (int place = 0; place < length; place++)
            if (!_texts.Counts(piece.Ids.Span[place])) states.AsSpan(place * dModel, dModel).CopyTo(rows.AsSpan(place * dModel));
        _backbone.Engine.Use(() =>
        {
            using var buffer = _backbone.Backend.Allocate(rows.Length);
            var replaced = new Tensor(buffer, 0, length, dModel, dModel);
            _backbone.Backend.Upload(rows, replaced);
            loss = LossOf(_layer < _last ? _forward!.RunFrom(piece.Batch, _layer, replaced, _last) : replaced, piece);
        });
        return loss;
    }

    private double LossOf(Tensor last, Piece piece)
    {
        double[] losses = new double[piece.Places.Length];
        using var buffer = _backbone.Backend.Allocate((long)losses.Length * last.Columns);
        var rows = new Tensor(buffer, 0, losses.Length, last.Columns, last.Columns);
        _backbone.Backend.GatherRows(last, piece.Places, rows);
        _loss!.Of(rows, piece.Next, losses);
        return losses.Sum();
    }

    /// <summary>A text, alone in its batch.</summary>
    /// <param name="Ids">Its tokens.</param>
    /// <param name="Places">Positions that predict.</param>
    /// <param name="Next">What they predict.</param>
    private sealed record Piece(ReadOnlyMemory<int> Ids, int[] Places, int[] Next)
    {
        public TokenBatch Batch { get; } = TokenBatch.Pack([new TokenSequence(Ids, ReadOut.Each(0, Ids.Length))]);
    }
}
