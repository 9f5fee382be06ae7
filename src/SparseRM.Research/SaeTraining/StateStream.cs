using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;

namespace SparseRM.Research.SaeTraining;

/// <summary>Where a stream of shuffled states stands.</summary>
/// <param name="Window">Windows before this one.</param>
/// <param name="Piece">Pieces of the data before this window.</param>
/// <param name="Batch">Batches of this window that were given.</param>
internal readonly record struct StreamPosition(long Window, long Piece, int Batch);

/// <summary>
/// States of the training texts in random order. The data go by in windows, each as many tokens as the buffer holds: a window is read, shuffled by seed and number,
/// and given in batches of nearly equal size; then comes the next, and after the last the data begin again. Where all fit into one window the model runs once.
/// </summary>
/// <remarks>Nothing but <see cref="Position"/> is needed to go on with the same bits: states do not depend on the batches that the model computed them in.</remarks>
internal sealed class StateStream : IDisposable
{
    private const long FirstStream = 1000;
    private readonly TrainingTexts _texts;
    private readonly TextPart _part;
    private readonly Backbone _backbone;
    private readonly int _layer, _most, _batchTokens;
    private readonly long _seed;
    private readonly StateBuffer _buffer;
    private IEnumerator<TokenSequence>? _pieces;
    private bool _hasCurrent, _isAll, _atEnd;
    private int _read;
    private int[] _order = [];

    /// <summary>A stream at its beginning.</summary>
    public StateStream(TrainingTexts texts, TextPart part, Backbone backbone, int layer, SaeTrainingOptions options)
    {
        (_texts, _part, _backbone, _layer, _seed, _batchTokens) = (texts, part, backbone, layer, options.Seed, options.BatchTokens);
        _most = options.BufferTokensFor(backbone.DModel);
        _buffer = new StateBuffer(backbone.DModel);
    }

    /// <summary>Where it stands.</summary>
    public StreamPosition Position { get; private set; }

    /// <summary>The window, in the order of the texts.</summary>
    public StateBuffer Buffer => _buffer;

    /// <summary>Seconds that the model took.</summary>
    public double ModelSeconds { get; private set; }

    /// <summary>Reads the window at a position.</summary>
    /// <exception cref="SparseRMException">The data cannot be read, or have no token to train on.</exception>
    public void Begin(StreamPosition position, IProgress<int>? progress, CancellationToken cancel)
    {
        Position = position;
        _pieces = _texts.Pieces(_part).GetEnumerator();
        for (long i = 0; i < position.Piece; i++) _pieces.MoveNext();
        ReadWindow(progress, cancel);
    }

    /// <summary>Rows of the next batch; the next window is read where this one is used up.</summary>
    public ReadOnlyMemory<int> Next(CancellationToken cancel)
    {
        int batches = (_order.Length + _batchTokens - 1) / _batchTokens;
        if (Position.Batch == batches)
        {
            Position = new StreamPosition(Position.Window + 1, _isAll || _atEnd ? 0 : Position.Piece + _read, 0);
            if (_isAll) Shuffle();
            else
            {
                if (_atEnd) (_pieces, _hasCurrent) = (_texts.Pieces(_part).GetEnumerator(), false);
                ReadWindow(null, cancel);
                batches = (_order.Length + _batchTokens - 1) / _batchTokens;
            }
        }
        int from = (int)((long)_order.Length * Position.Batch / batches), to = (int)((long)_order.Length * (Position.Batch + 1) / batches);
        Position = Position with { Batch = Position.Batch + 1 };
        return _order.AsMemory(from, to - from);
    }

    /// <inheritdoc/>
    public void Dispose() => _pieces?.Dispose();

    private void ReadWindow(IProgress<int>? progress, CancellationToken cancel)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        (_read, _atEnd) = _buffer.Fill(_pieces!, _hasCurrent, _most, _texts, _backbone, _layer, progress, cancel);
        ModelSeconds += clock.Elapsed.TotalSeconds;
        _hasCurrent = !_atEnd;
        _isAll = _atEnd && Position.Piece == 0;
        if (_buffer.Rows == 0) throw new SparseRMException("the data hold no token to train on; give texts");
        Shuffle();
    }

    private void Shuffle()
    {
        _order = [.. Enumerable.Range(0, _buffer.Rows)];
        new SeededRandom(_seed, FirstStream + Position.Window).Shuffle<int>(_order);
    }
}
