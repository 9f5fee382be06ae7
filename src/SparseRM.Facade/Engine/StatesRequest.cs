using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Receives the states of some sequences where they are; for the thread that owns the backend.</summary>
/// <param name="states">[n, d_model], valid during the call.</param>
/// <param name="numbers">The sequences that they are of.</param>
internal delegate void StatesReader(Tensor states, ReadOnlyMemory<int> numbers);

/// <summary>Sequences whose states, one each, go to whoever asked.</summary>
internal sealed class StatesRequest(TokenSequence[] sequences, int[] numbers, int layer, StatesReader read) : ForwardRequest(sequences, numbers)
{
    /// <summary>Sorts the sequences, so that those that begin alike are neighbours.</summary>
    public static StatesRequest Of(IReadOnlyList<TokenSequence> sequences, int layer, StatesReader read)
    {
        TokenSequence[] sorted = [.. sequences];
        int[] numbers = [.. Enumerable.Range(0, sorted.Length)];
        TokenSequence.SortByIds(sorted, numbers);
        return new StatesRequest(sorted, numbers, layer, read) { Priority = Priority.Bulk };
    }

    /// <inheritdoc/>
    public override int[] Layers { get; } = [layer];

    /// <inheritdoc/>
    public override object Consumer => this;

    /// <inheritdoc/>
    public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        read(states[0], Numbers.AsMemory(parts[0].First, parts[0].Count));
        return null;
    }
}

/// <summary>Receives the states of some sequences after one of several blocks; for the thread that owns the backend.</summary>
/// <param name="layer">Place among the request's layers.</param>
/// <param name="states">[n, d_model], valid during the call.</param>
/// <param name="numbers">The sequences that they are of.</param>
internal delegate void LayerReader(int layer, Tensor states, ReadOnlyMemory<int> numbers);

/// <summary>Sequences whose states after several blocks, one each, go to whoever asked, from one pass.</summary>
internal sealed class LayerStatesRequest(TokenSequence[] sequences, int[] numbers, int[] layers, LayerReader read) : ForwardRequest(sequences, numbers)
{
    /// <summary>Sorts the sequences, so that those that begin alike are neighbours.</summary>
    public static LayerStatesRequest Of(IReadOnlyList<TokenSequence> sequences, int[] layers, LayerReader read)
    {
        TokenSequence[] sorted = [.. sequences];
        int[] numbers = [.. Enumerable.Range(0, sorted.Length)];
        TokenSequence.SortByIds(sorted, numbers);
        return new LayerStatesRequest(sorted, numbers, layers, read) { Priority = Priority.Bulk };
    }

    /// <inheritdoc/>
    public override int[] Layers => layers;

    /// <inheritdoc/>
    public override object Consumer => this;

    /// <inheritdoc/>
    public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        for (int i = 0; i < layers.Length; i++) read(i, states[i], Numbers.AsMemory(parts[0].First, parts[0].Count));
        return null;
    }
}

/// <summary>One sequence, whose states after several blocks come to the host.</summary>
internal sealed class LayersRequest(TokenSequence sequence, int[] layers, Backends.Backend backend, int dModel) : ForwardRequest([sequence], [0])
{
    /// <summary>States [positions, d_model] by block.</summary>
    public Dictionary<int, float[]> States { get; } = [];

    /// <inheritdoc/>
    public override int[] Layers => layers;

    /// <inheritdoc/>
    public override object Consumer => this;

    /// <inheritdoc/>
    public override PendingScores? Consume(ReadOnlySpan<Tensor> states, ReadOnlySpan<BatchPart> parts)
    {
        for (int i = 0; i < layers.Length; i++)
        {
            var values = new float[states[i].Rows * dModel];
            StateReading.DownloadFinite(backend, states[i], values, layers[i]);
            States[layers[i]] = values;
        }
        return null;
    }
}
