using SparseRM.Errors;
using SparseRM.Models;
using SparseRM.Research.Vocabulary;
using SparseRM.Sae;
using SparseRM.Tensors;

namespace SparseRM.Research.SaeTraining;

/// <summary>What a language model's loss becomes when an SAE's reconstructions stand in place of a block's states; mean cross-entropy of the next token, in nats.</summary>
/// <remarks>Replaced are the states that an SAE is trained on; those of special tokens stay. Source: Gao et al. 2024, section 4.1; SAELens <c>ce_loss_score</c>.</remarks>
/// <param name="Loss">Of the model as it is.</param>
/// <param name="WithSae">With the reconstructions.</param>
/// <param name="WithZeros">With zeros.</param>
/// <param name="Tokens">Predictions that the means are of: those from replaced states.</param>
public sealed record SplicedLoss(double Loss, double WithSae, double WithZeros, int Tokens)
{
    /// <summary>(WithZeros - WithSae) / (WithZeros - Loss): 1 where nothing is lost, 0 where zeros do as well; null where zeros do as well as the states.</summary>
    public double? Recovered => WithZeros > Loss ? (WithZeros - WithSae) / (WithZeros - Loss) : null;
}

/// <summary>Measures <see cref="SplicedLoss"/> on the first held-out texts.</summary>
internal sealed class SplicedLossMeter
{
    /// <summary>Enough for a mean whose share of the gap is known to a hundredth; on a model of two thousand million weights some minutes.</summary>
    private const int MostTokens = 4096;
    private readonly Backbone _backbone;
    private readonly TrainingTexts _texts;
    private readonly Unembedding _head;
    private readonly List<TokenSequence> _pieces = [];
    private readonly int _layer, _last, _tokens;

    private SplicedLossMeter(Backbone backbone, TrainingTexts texts, IEnumerable<TokenSequence> pieces, int layer, Unembedding head)
    {
        (_backbone, _texts, _layer, _head, _last) = (backbone, texts, layer, head, backbone.Config.NLayers - 1);
        foreach (var piece in pieces)
        {
            _pieces.Add(piece);
            if ((_tokens += Predicting(piece).Count()) >= MostTokens) break;
        }
    }

    /// <summary>Loads the rest of the model, where its folder has it.</summary>
    /// <param name="backbone">The model.</param>
    /// <param name="texts">Knows which tokens count.</param>
    /// <param name="pieces">Texts to measure on.</param>
    /// <param name="layer">The SAE's.</param>
    /// <param name="missing">Why nothing can be measured, as a clause.</param>
    /// <returns>Null where nothing can be measured.</returns>
    public static SplicedLossMeter? Open(Backbone backbone, TrainingTexts texts, IEnumerable<TokenSequence> pieces, int layer, out string missing)
    {
        if (Unembedding.Open(backbone.Model.Folder, out missing) is not { } head) return null;
        try
        {
            backbone.Engine.Use(() => backbone.Model.Load(backbone.Config.NLayers - 1));
        }
        catch (ModelFormatException error)
        {
            // Scoring does not need the later blocks.
            missing = error.Message;
            return null;
        }
        var meter = new SplicedLossMeter(backbone, texts, pieces, layer, head);
        if (meter._tokens > 0) return meter;
        missing = "no held-out token has a next one";
        return null;
    }

    /// <summary>Measures an SAE.</summary>
    /// <param name="sae">Of the same layer.</param>
    /// <param name="progress">Told of the texts done.</param>
    public SplicedLoss Measure(SparseAutoencoder sae, IProgress<WorkProgress>? progress)
    {
        double[] sums = new double[3];
        NextTokenLoss? loss = null;
        SaeEncoder? encoder = null;
        TransformerForward? forward = null;
        try
        {
            for (int i = 0; i < _pieces.Count; i++)
            {
                progress?.Report(new WorkProgress("measuring the loss", i, _pieces.Count));
                var piece = _pieces[i];
                // A turn a text: others use the model meanwhile.
                _backbone.Engine.Use(() =>
                {
                    loss ??= new NextTokenLoss(_backbone.Model, _head);
                    encoder ??= new SaeEncoder(_backbone.Backend, sae);
                    forward ??= new TransformerForward(_backbone.Model);
                    Add(piece, loss, encoder, forward, sums);
                });
            }
        }
        finally
        {
            _backbone.Engine.Use(() =>
            {
                loss?.Dispose();
                encoder?.Dispose();
                forward?.Dispose();
            });
        }
        if (!double.IsFinite(sums.Sum())) throw ResidualRunner.NotFinite(_last);
        return new SplicedLoss(sums[0] / _tokens, sums[1] / _tokens, sums[2] / _tokens, _tokens);
    }

    private void Add(TokenSequence piece, NextTokenLoss loss, SaeEncoder encoder, TransformerForward forward, double[] sums)
    {
        var (backend, dModel, length) = (_backbone.Backend, _backbone.DModel, piece.Ids.Length);
        int[] predicting = [.. Predicting(piece)], next = [.. predicting.Select(place => piece.Ids.Span[place + 1])];
        var batch = TokenBatch.Pack([new TokenSequence(piece.Ids, ReadOut.Each(0, length))]);
        using var buffer = backend.Allocate((long)length * dModel);
        var replaced = new Tensor(buffer, 0, length, dModel, dModel);

        Span<Tensor> states = [default, default];
        forward.Run(batch, _layer < _last ? [_layer, _last] : [_last], states);
        float[] x = new float[length * dModel];
        backend.Download(states[0], x);
        Collect(states[_layer < _last ? 1 : 0], 0);

        var latents = new List<(int[] Ids, float[] Values)>(length);
        encoder.Encode(x, (_, ids, values) => latents.Add((ids.ToArray(), values.ToArray())));
        Splice(SaeDecoder.Reconstruct(encoder.Sae, x, latents), 1);
        Splice(new float[x.Length], 2);

        void Splice(float[] rows, int which)
        {
            for (int place = 0; place < length; place++)
                if (!_texts.Counts(piece.Ids.Span[place])) x.AsSpan(place * dModel, dModel).CopyTo(rows.AsSpan(place * dModel));
            backend.Upload(rows, replaced);
            Collect(_layer < _last ? forward.RunFrom(batch, _layer, replaced, _last) : replaced, which);
        }

        void Collect(Tensor last, int which)
        {
            double[] losses = new double[predicting.Length];
            using var gathered = backend.Allocate((long)predicting.Length * dModel);
            var rows = new Tensor(gathered, 0, predicting.Length, dModel, dModel);
            backend.GatherRows(last, predicting, rows);
            loss.Of(rows, next, losses);
            foreach (double one in losses) sums[which] += one;
        }
    }

    /// <summary>Positions from which a next token is foretold and whose states are replaced.</summary>
    private IEnumerable<int> Predicting(TokenSequence piece)
    {
        for (int place = 0; place + 1 < piece.Ids.Length; place++)
            if (_texts.Counts(piece.Ids.Span[place])) yield return place;
    }
}
