using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>Runs any number of sequences in micro-batches of bounded size and hands over their read-out states. Not thread-safe.</summary>
/// <remarks>Sequences are grouped by common beginnings; how they are grouped changes no bit of any state.</remarks>
public sealed class ResidualRunner(TransformerModel model, int maxBatchTokens = ResidualRunner.DefaultBatchTokens) : IDisposable
{
    /// <summary>Tokens of one micro-batch by default: enough to keep every core at full speed, small enough for its activations to be cheap.</summary>
    public const int DefaultBatchTokens = 2048;

    // Planning what to share is quadratic in it.
    private const int MaxSequences = 2048;

    private readonly TransformerForward _forward = new(model);
    private DeviceBuffer? _pooled;

    /// <summary>Receives the states [n, d_model] of the sequences whose numbers are given, in that order; valid during the call.</summary>
    public delegate void StatesReader(Tensor states, ReadOnlySpan<int> sequences);

    /// <summary>The model that is run.</summary>
    public TransformerModel Model => model;

    /// <summary>Gives one state for each sequence: of its read-out position, or the mean over its read-out positions.</summary>
    /// <param name="sequences">What to run.</param>
    /// <param name="layer">Block after which the residual stream is read.</param>
    /// <param name="read">Called once a micro-batch.</param>
    /// <param name="progress">Told the number of sequences done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    public void Run(IReadOnlyList<TokenSequence> sequences, int layer, StatesReader read, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        int[] order = [.. Enumerable.Range(0, sequences.Count)];
        Array.Sort(order, (a, b) => sequences[a].Ids.Span.SequenceCompareTo(sequences[b].Ids.Span) is var c and not 0 ? c : a.CompareTo(b));
        for (int start = 0; start < order.Length;)
        {
            cancel.ThrowIfCancellationRequested();
            int end = start, tokens = 0;
            for (; end < Math.Min(order.Length, start + MaxSequences); end++)
            {
                // What leaning on the first alone would leave to compute: packing finds at least as much to share.
                var ids = sequences[order[end]].Ids.Span;
                int own = end == start ? ids.Length : ids.Length - sequences[order[start]].Ids.Span.CommonPrefixLength(ids);
                int rows = Math.Max(own, sequences[order[end]].ReadCount);
                if (end > start && tokens + rows > maxBatchTokens) break;
                tokens += rows;
            }
            var numbers = order.AsSpan(start, end - start);
            TokenSequence[] part = [.. order.Skip(start).Take(end - start).Select(i => sequences[i])];
            read(Pooled(_forward.RunToLayer(TokenBatch.Pack(part), layer), part), numbers);
            start = end;
            progress?.Report(end);
        }
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
            if (!float.IsFinite(value)) Fail();
        void Fail() => throw new SparseRMException($"the residual stream after block {layer} holds NaN or infinity; the model's weights or the dtype do not carry this input (try --dtype f32)");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pooled?.Dispose();
        _forward.Dispose();
    }

    private Tensor Pooled(Tensor rows, TokenSequence[] sequences)
    {
        if (rows.Rows == sequences.Length) return rows;
        var starts = new int[sequences.Length + 1];
        for (int i = 0; i < sequences.Length; i++) starts[i + 1] = starts[i] + sequences[i].ReadCount;
        long length = (long)sequences.Length * rows.Columns;
        if (_pooled is null || _pooled.Length < length)
        {
            _pooled?.Dispose();
            _pooled = null;
            _pooled = model.Backend.Allocate(length);
        }
        var pooled = new Tensor(_pooled, 0, sequences.Length, rows.Columns, rows.Columns);
        model.Backend.MeanRows(rows, starts, pooled);
        return pooled;
    }
}
