using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Tensors;

namespace SparseRM.Models;

/// <summary>Runs one batch of sequences and gives the states that they ask for. Not thread-safe.</summary>
/// <remarks>Which sequences stand in one batch, what they share and what of them is known changes no bit of any state.</remarks>
public sealed class ResidualRunner(TransformerModel model) : IDisposable
{
    private readonly TransformerForward _forward = new(model);
    private readonly TokenBatch _batch = new();
    private readonly List<DeviceBuffer?> _pooled = [];
    private int[] _starts = [];

    /// <summary>Tokens that went through the blocks so far: fewer than the sequences have, where beginnings are shared or known.</summary>
    public long ComputedTokens { get; private set; }

    /// <summary>Packs a batch; then <see cref="TokenBatch.Keep"/> may ask for keys and values, and <see cref="Run"/> computes it.</summary>
    /// <param name="sequences">At least one.</param>
    /// <param name="prefixes">What is known of each; empty where nothing is known of any.</param>
    /// <exception cref="ArgumentException">As <see cref="TokenBatch.Fill"/>.</exception>
    public TokenBatch Pack(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<KeyValuePrefix?> prefixes = default)
    {
        _batch.Fill(sequences, prefixes);
        return _batch;
    }

    /// <summary>
    /// Computes the packed batch: <c>states[l]</c> [states, d_model] after <c>layers[l]</c>, those of the first sequence first; valid until the next run.
    /// </summary>
    /// <param name="sequences">Those that were packed.</param>
    /// <param name="layers">Blocks, rising.</param>
    /// <param name="states">One for each layer.</param>
    /// <exception cref="SparseRMException">A sequence is longer than the model's context.</exception>
    public void Run(ReadOnlySpan<TokenSequence> sequences, ReadOnlySpan<int> layers, Span<Tensor> states)
    {
        ComputedTokens += _batch.TokenCount;
        _forward.Run(_batch, layers, states);
        int count = 0;
        foreach (var sequence in sequences) count += sequence.ReadOut.States;
        if (count == _batch.ReadCount) return;
        PlaceStates(sequences, count);
        for (int l = 0; l < layers.Length; l++)
        {
            var pooled = Pooled(l, count, states[l].Columns);
            model.Backend.MeanRows(states[l], _starts.AsSpan(0, count + 1), pooled);
            states[l] = pooled;
        }
    }

    /// <summary>The states of all tokens of one sequence, [n_tokens, d_model], with every activation on the way for <paramref name="hook"/>.</summary>
    public Tensor RunAllTokens(ReadOnlyMemory<int> ids, int layer, TransformerForward.Hook? hook = null) =>
        _forward.RunToLayer(TokenBatch.Pack([new(ids, ReadOut.Each(0, ids.Length))]), layer, hook);

    /// <summary>The error of states that are not finite.</summary>
    public static SparseRMException NotFinite(int layer) => new(ErrorKind.Numeric,
        $"the residual stream after block {layer} holds NaN or infinity; the model's weights or the dtype do not carry this input (try dtype f32)");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in _pooled) buffer?.Dispose();
        _forward.Dispose();
    }

    /// <summary>The rows that each state is the mean of: all that a sequence reads, or one.</summary>
    private void PlaceStates(ReadOnlySpan<TokenSequence> sequences, int count)
    {
        if (_starts.Length <= count) _starts = new int[Math.Max(count + 1, 2 * _starts.Length)];
        int state = 0, row = 0;
        foreach (var (_, read) in sequences)
        {
            int rowsEach = read.Positions / read.States;
            for (int i = 0; i < read.States; i++, row += rowsEach) _starts[state++] = row;
        }
        _starts[state] = row;
    }

    private Tensor Pooled(int layer, int rows, int columns)
    {
        while (_pooled.Count <= layer) _pooled.Add(null);
        long length = (long)rows * columns;
        if (_pooled[layer] is null || _pooled[layer]!.Length < length)
        {
            _pooled[layer]?.Dispose();
            _pooled[layer] = null;
            _pooled[layer] = model.Backend.Allocate(length);
        }
        return new Tensor(_pooled[layer]!, 0, rows, columns, columns);
    }
}
