using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Research.SaeTraining;

/// <summary>Residual states of a bounded number of tokens, in the order of the texts.</summary>
internal sealed class StateBuffer(int width)
{
    private const int BlockRows = 4096;
    private readonly List<float[]> _blocks = [];

    /// <summary>States.</summary>
    public int Rows { get; private set; }

    /// <summary>A state [d_model].</summary>
    public Span<float> this[int row] => _blocks[row / BlockRows].AsSpan(row % BlockRows * width, width);

    /// <summary>Reads pieces until no more fit.</summary>
    /// <param name="pieces">Where the reading goes on; the piece that no longer fits stays its current one.</param>
    /// <param name="hasCurrent">Whether the current piece is still to be read.</param>
    /// <param name="mostRows">States at most; a piece that has more is cut.</param>
    /// <param name="texts">Knows which tokens count.</param>
    /// <param name="backbone">The model.</param>
    /// <param name="layer">Block after which states are read.</param>
    /// <param name="progress">Told of the states.</param>
    /// <param name="cancel">Heard between batches.</param>
    /// <returns>Pieces that were read; whether there are no more.</returns>
    public (int Pieces, bool AtEnd) Fill(
        IEnumerator<TokenSequence> pieces, bool hasCurrent, int mostRows, TrainingTexts texts, Backbone backbone, int layer, IProgress<int>? progress, CancellationToken cancel)
    {
        const int TokensAtOnce = 1 << 15;
        var (together, starts) = (new List<TokenSequence>(), new List<int>());
        int tokens = 0, count = 0;
        Rows = 0;
        while (hasCurrent || pieces.MoveNext())
        {
            var piece = pieces.Current;
            int own = Counted(piece, texts);
            if (count > 0 && Rows + own > mostRows)
            {
                Run();
                return (count, false);
            }
            hasCurrent = false;
            together.Add(piece);
            starts.Add(Rows);
            Rows = Math.Min(mostRows, Rows + own);
            count++;
            if ((tokens += piece.Ids.Length) >= TokensAtOnce) Run();
        }
        Run();
        return (count, true);

        void Run()
        {
            while (_blocks.Count * BlockRows < Rows) _blocks.Add(new float[BlockRows * width]);
            if (together.Count > 0) Read(together, starts, texts, backbone, layer, cancel);
            together.Clear();
            starts.Clear();
            tokens = 0;
            progress?.Report(Rows);
        }
    }

    private static int Counted(TokenSequence piece, TrainingTexts texts)
    {
        int count = 0;
        foreach (int id in piece.Ids.Span[piece.ReadOut.Start..piece.ReadOut.End])
            if (texts.Counts(id)) count++;
        return count;
    }

    private void Read(List<TokenSequence> pieces, List<int> starts, TrainingTexts texts, Backbone backbone, int layer, CancellationToken cancel)
    {
        float[] block = [];
        backbone.Engine.Run(StatesRequest.Of(pieces, layer, (states, numbers) =>
        {
            int length = states.Rows * states.Columns, at = 0;
            if (block.Length < length) block = new float[length];
            StateReading.DownloadFinite(backbone.Backend, states, block, layer);
            foreach (int number in numbers.Span)
            {
                var (ids, read) = pieces[number];
                int row = starts[number];
                for (int i = read.Start; i < read.End; i++, at += width)
                    if (texts.Counts(ids.Span[i]) && row < Rows) block.AsSpan(at, width).CopyTo(this[row++]);
            }
        }), null, cancel);
    }
}
