using SparseRM.Backends;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Receives states [n, d_model] of the sequences whose numbers are given, in that order; valid during the call.</summary>
/// <param name="numbers">The sequences.</param>
/// <param name="states">Their states on the host.</param>
/// <param name="onBackend">The same where they were computed; null where they come from memory or a file.</param>
internal delegate void BlockReader(ReadOnlyMemory<int> numbers, ReadOnlyMemory<float> states, Tensor? onBackend);

/// <summary>Brings states to the host, from the backend or from the cache of hidden states.</summary>
internal static class StateReading
{
    private const string Stage = "reading states";
    private const int CachedRows = 256;

    /// <summary>Downloads states and refuses NaN and infinities.</summary>
    /// <exception cref="SparseRMException">A state is not finite.</exception>
    public static void DownloadFinite(Backend backend, Tensor states, Span<float> destination, int layer)
    {
        backend.Download(states, destination);
        foreach (float value in destination[..(states.Rows * states.Columns)])
            if (!float.IsFinite(value)) throw ResidualRunner.NotFinite(layer);
    }

    /// <summary>One state a sequence, [n, d_model], in the order of the sequences; <paramref name="seen"/> is handed each block of them, too.</summary>
    /// <exception cref="SparseRMException">A state is not finite, or there are more states than one array holds.</exception>
    public static float[] All(
        Backbone backbone, IReadOnlyList<TokenSequence> sequences, int layer, CachedStates? cache, BlockReader? seen, IProgress<WorkProgress>? progress,
        CancellationToken cancel)
    {
        int width = backbone.DModel;
        if ((long)sequences.Count * width > Array.MaxLength)
            throw new SparseRMException($"{sequences.Count} states of width {width} do not fit into memory at once; give at most {Array.MaxLength / width} texts at a time");
        var states = new float[sequences.Count * width];
        Blocks(backbone, sequences, layer, cache, (numbers, block, onBackend) =>
        {
            for (int i = 0; i < numbers.Length; i++) block.Span.Slice(i * width, width).CopyTo(states.AsSpan(numbers.Span[i] * width));
            seen?.Invoke(numbers, block, onBackend);
        }, progress, cancel);
        return states;
    }

    /// <summary>Hands over the states of one block after the other, cached ones first, so that memory does not grow with their number.</summary>
    public static void Blocks(
        Backbone backbone, IReadOnlyList<TokenSequence> sequences, int layer, CachedStates? cache, BlockReader read, IProgress<WorkProgress>? progress,
        CancellationToken cancel)
    {
        if (cache is null)
        {
            Compute(backbone, sequences, layer, read, new StageProgress(progress, Stage, sequences.Count), cancel);
            return;
        }
        int width = backbone.DModel;
        int[] missing = ReadCached(sequences, width, cache, read, cancel);
        Compute(backbone, [.. missing.Select(i => sequences[i])], layer, (numbers, block, onBackend) =>
        {
            var found = new int[numbers.Length];
            for (int i = 0; i < numbers.Length; i++)
            {
                found[i] = missing[numbers.Span[i]];
                cache.Add(sequences[found[i]], block.Span.Slice(i * width, width));
            }
            read(found, block, onBackend);
        }, new StageProgress(progress, Stage, sequences.Count, sequences.Count - missing.Length), cancel);
        cache.Flush();
    }

    private static void Compute(
        Backbone backbone, IReadOnlyList<TokenSequence> sequences, int layer, BlockReader read, IProgress<int> progress, CancellationToken cancel)
    {
        float[] block = [];
        backbone.Engine.Run(StatesRequest.Of(sequences, layer, (states, numbers) =>
        {
            int length = states.Rows * states.Columns;
            if (block.Length < length) block = new float[length];
            DownloadFinite(backbone.Backend, states, block, layer);
            read(numbers, block.AsMemory(0, length), states);
        }), progress, cancel);
    }

    /// <summary>Hands over the states that the cache has, and gives the numbers of the others.</summary>
    private static int[] ReadCached(IReadOnlyList<TokenSequence> sequences, int width, CachedStates cache, BlockReader read, CancellationToken cancel)
    {
        var missing = new List<int>();
        var numbers = new int[CachedRows];
        var block = new float[CachedRows * width];
        int count = 0;
        for (int i = 0; i < sequences.Count; i++)
        {
            if (cache.TryGet(sequences[i], block.AsSpan(count * width, width))) numbers[count++] = i;
            else missing.Add(i);
            if (count == 0 || (count < CachedRows && i < sequences.Count - 1)) continue;
            cancel.ThrowIfCancellationRequested();
            read(numbers.AsMemory(0, count), block.AsMemory(0, count * width), null);
            count = 0;
        }
        return [.. missing];
    }
}

/// <summary>The cache of hidden states, for what one backbone reads at one layer and position.</summary>
internal sealed class CachedStates(HiddenStateCache cache, Backbone backbone, int layer, ReadOutPosition position)
{
    /// <summary>Looks a state up.</summary>
    public bool TryGet(TokenSequence sequence, Span<float> state) => cache.TryGet(KeyOf(sequence), state);

    /// <summary>Keeps a state.</summary>
    public void Add(TokenSequence sequence, ReadOnlySpan<float> state) => cache.Add(KeyOf(sequence), state);

    /// <summary>Brings what was added to the disk.</summary>
    public void Flush() => cache.Flush();

    private HiddenStateKey KeyOf(TokenSequence sequence) => HiddenStateKey.Of(
        backbone.Model.FingerprintOf(layer), backbone.Tokenizer?.Fingerprint ?? "", backbone.Template?.Fingerprint ?? "", backbone.Arithmetic, layer,
        $"{position} {sequence.ReadOut.Start} {sequence.ReadOut.End}", "", sequence.Ids.Span);
}
