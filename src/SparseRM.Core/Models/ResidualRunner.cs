using System.Diagnostics.CodeAnalysis;
using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>Runs any number of sequences in micro-batches of bounded size and hands over their read-out states. Not thread-safe.</summary>
/// <remarks>Sequences are grouped by common beginnings; how they are grouped changes no bit of any state.</remarks>
public sealed class ResidualRunner(TransformerModel model, int maxBatchTokens = ResidualRunner.DefaultBatchTokens) : IDisposable
{
    /// <summary>
    /// Tokens of one micro-batch by default: enough to keep every core at full speed and 16 answers of 128 tokens with their prompt of 512 together,
    /// few enough for activations to be small beside the weights (0.27 GB for Gemma-2-2B) and for progress to be seen.
    /// </summary>
    public const int DefaultBatchTokens = 3072;

    // Planning what to share is quadratic in it.
    private const int MaxSequences = 1024;

    // So many tokens that a batch might have had, and has not, cost as much time as one token that is computed again.
    private const int UnfilledPerRepeated = 16;

    private readonly TransformerForward _forward = new(model);
    private readonly TokenBatch _batch = new();
    private TokenSequence[] _sorted = [];
    private int[] _numbers = [], _starts = [];
    private DeviceBuffer? _pooled;

    /// <summary>Receives the states [n, d_model] of the sequences whose numbers are given, in that order; valid during the call.</summary>
    public delegate void StatesReader(Tensor states, ReadOnlyMemory<int> sequences);

    /// <summary>The model that is run.</summary>
    public TransformerModel Model => model;

    /// <summary>Tokens that went through the blocks so far: fewer than the sequences have, where they share beginnings.</summary>
    public long ComputedTokens { get; private set; }

    /// <summary>Gives one state for each sequence: of its read-out position, or the mean over its read-out positions.</summary>
    /// <param name="sequences">What to run.</param>
    /// <param name="layer">Block after which the residual stream is read.</param>
    /// <param name="read">Called once a micro-batch.</param>
    /// <param name="progress">Told the number of sequences done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    public void Run(IReadOnlyList<TokenSequence> sequences, int layer, StatesReader read, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        int count = sequences.Count;
        if (_sorted.Length < count) (_sorted, _numbers) = (new TokenSequence[count], new int[count]);
        for (int i = 0; i < count; i++) (_sorted[i], _numbers[i]) = (sequences[i], i);
        try
        {
            TokenSequence.SortByIds(_sorted.AsSpan(0, count), _numbers.AsSpan(0, count));
            for (int start = 0, size; start < count; start += size)
            {
                cancel.ThrowIfCancellationRequested();
                size = BatchSize(_sorted.AsSpan(start, count - start), maxBatchTokens);
                var part = _sorted.AsSpan(start, size);
                _batch.Fill(part);
                ComputedTokens += _batch.TokenCount;
                read(Pooled(_forward.RunToLayer(_batch, layer), part), _numbers.AsMemory(start, size));
                progress?.Report(start + size);
            }
        }
        finally
        {
            Array.Clear(_sorted, 0, count); // the ids are the caller's
        }
    }

    /// <summary>
    /// How many of the sorted sequences make the next batch: as many as fit, or fewer where a later cut would go through a shared beginning.
    /// </summary>
    /// <remarks>What the sequences on both sides of a cut have in common is computed twice; a batch that is not full costs a little, too.</remarks>
    private static int BatchSize(ReadOnlySpan<TokenSequence> sorted, int maxTokens)
    {
        int tokens = sorted[0].Ids.Length, sharedByAll = tokens, cut = 1;
        long leastCost = long.MaxValue;
        for (int i = 1; i < sorted.Length; i++)
        {
            var ids = sorted[i].Ids.Span;
            int shared = sorted[i - 1].Ids.Span.CommonPrefixLength(ids);
            long cost = (long)shared * UnfilledPerRepeated - tokens;
            if (cost <= leastCost) (cut, leastCost) = (i, cost);
            // What leaning on the first alone would leave to compute: packing finds at least as much to share.
            sharedByAll = Math.Min(sharedByAll, shared);
            tokens += Math.Max(ids.Length - sharedByAll, sorted[i].ReadCount);
            if (tokens > maxTokens || i == MaxSequences) return cut;
        }
        return sorted.Length;
    }

    /// <summary>The states of all tokens of one sequence, [n_tokens, d_model], with every activation on the way for <paramref name="hook"/>.</summary>
    public Tensor RunAllTokens(ReadOnlyMemory<int> ids, int layer, TransformerForward.Hook? hook = null) =>
        _forward.RunToLayer(TokenBatch.Pack([new(ids, 0, ids.Length)]), layer, hook);

    /// <summary>Downloads states and refuses NaN and infinities.</summary>
    /// <exception cref="SparseRMException">A state is not finite.</exception>
    public static void DownloadFinite(Backend backend, Tensor states, Span<float> destination, int layer)
    {
        backend.Download(states, destination);
        foreach (float value in destination[..(states.Rows * states.Columns)])
            if (!float.IsFinite(value)) RefuseNotFinite(layer);
    }

    /// <summary>Says that a state is not finite.</summary>
    [DoesNotReturn]
    public static void RefuseNotFinite(int layer) => throw new SparseRMException(
        $"the residual stream after block {layer} holds NaN or infinity; the model's weights or the dtype do not carry this input (try --dtype f32)");

    /// <inheritdoc/>
    public void Dispose()
    {
        _pooled?.Dispose();
        _forward.Dispose();
    }

    private Tensor Pooled(Tensor rows, ReadOnlySpan<TokenSequence> sequences)
    {
        int count = sequences.Length;
        if (rows.Rows == count) return rows;
        if (_starts.Length <= count) _starts = new int[Math.Max(count + 1, 2 * _starts.Length)];
        for (int i = 0; i < count; i++) _starts[i + 1] = _starts[i] + sequences[i].ReadCount;
        long length = (long)count * rows.Columns;
        if (_pooled is null || _pooled.Length < length)
        {
            _pooled?.Dispose();
            _pooled = null;
            _pooled = model.Backend.Allocate(length);
        }
        var pooled = new Tensor(_pooled, 0, count, rows.Columns, rows.Columns);
        model.Backend.MeanRows(rows, _starts.AsSpan(0, count + 1), pooled);
        return pooled;
    }
}
