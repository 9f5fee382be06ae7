using SparseRM.Engine;
using SparseRM.Models;

namespace SparseRM.Research.Answers;

/// <summary>The states of every token of each answer, with the template's end marks after it; of long answers the last <see cref="MostTokens"/>.</summary>
internal sealed class TokenStates
{
    /// <summary>Tokens of an answer that are read at most.</summary>
    public const int MostTokens = 64;

    private readonly float[][] _rows;

    private TokenStates(float[][] rows) => _rows = rows;

    /// <summary>Bytes that the states of a set take.</summary>
    public static long Bytes(AnswerSet answers, Backbone backbone) => Sequences(answers, backbone).Sum(sequence => (long)sequence.ReadOut.Positions) * answers.Width * sizeof(float);

    /// <summary>Reads them in one pass.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="backbone">The model.</param>
    /// <param name="layer">Block after which they are read.</param>
    /// <param name="progress">Told of the answers done.</param>
    /// <param name="cancel">Checked between batches.</param>
    public static TokenStates Read(AnswerSet answers, Backbone backbone, int layer, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var sequences = Sequences(answers, backbone);
        var rows = new float[sequences.Length][];
        float[] block = [];
        backbone.Engine.Run(StatesRequest.Of(sequences, layer, (states, numbers) =>
        {
            int length = states.Rows * states.Columns, at = 0;
            if (block.Length < length) block = new float[length];
            StateReading.DownloadFinite(backbone.Backend, states, block, layer);
            foreach (int number in numbers.Span)
            {
                int own = sequences[number].ReadOut.Positions * answers.Width;
                rows[number] = block.AsSpan(at, own).ToArray();
                at += own;
            }
        }), new StageProgress(progress, "reading the answers' tokens", sequences.Length), cancel);
        return new TokenStates(rows);
    }

    /// <summary>States [tokens, d_model] of an answer.</summary>
    public ReadOnlySpan<float> this[int row] => _rows[row];

    private static TokenSequence[] Sequences(AnswerSet answers, Backbone backbone)
    {
        var items = answers.Data.Items;
        return [.. items.SelectMany(item => item.Chosen.Concat(item.Rejected), (item, completion) =>
        {
            var sequence = backbone.Encoder.Encode([.. item.Prompt, .. completion], item.Arguments).ReadEach(ReadOutPosition.Last);
            var read = sequence.ReadOut;
            return sequence with { ReadOut = ReadOut.Each(Math.Max(read.Start, read.End - MostTokens), read.End) };
        })];
    }
}
