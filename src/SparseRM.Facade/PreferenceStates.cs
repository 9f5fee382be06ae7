using SparseRM.Data;
using SparseRM.Data.Evaluation;
using SparseRM.Engine;
using SparseRM.Models;

namespace SparseRM;

/// <summary>The residual states of every completion of a preference set: kept in memory, or read again for each pass if too many.</summary>
/// <example><code>
/// PreferenceStates states = trainer.ReadStates(PreferenceFile.Read("pairs.jsonl"));
/// Console.WriteLine($"{states.Count} answers, {states.Pairs().Count()} pairs");
/// </code></example>
public sealed class PreferenceStates
{
    /// <summary>Bytes of states that are kept in memory by default: 100,000 of a model as wide as Gemma-2-2B.</summary>
    public const long DefaultKeptBytes = 1L << 30;

    private const int BlockRows = 256;

    private readonly Backbone _backbone;
    private readonly int _layer;
    private readonly CachedStates? _cache;
    private readonly Completions _completions;
    private readonly float[]? _kept;

    private PreferenceStates(Backbone backbone, int layer, CachedStates? cache, Completions completions, PreferenceSet data, float[]? kept) =>
        (_backbone, _layer, _cache, _completions, Data, _kept) = (backbone, layer, cache, completions, data, kept);

    /// <summary>Number of completions.</summary>
    public int Count => _completions.Sequences.Count;

    /// <summary>Width of a state.</summary>
    public int DModel => _backbone.DModel;

    /// <summary>Whether all states are in memory.</summary>
    public bool AreKept => _kept is not null;

    /// <summary>[completions, d_model]; null where they are not in memory.</summary>
    internal ReadOnlyMemory<float>? Kept => _kept is null ? null : _kept;

    /// <summary>Rows of each item's completions.</summary>
    public IReadOnlyList<(int[] Chosen, int[] Rejected)> Items => _completions.Items;

    /// <summary>The data that they come from.</summary>
    public PreferenceSet Data { get; }

    /// <summary>Every chosen completion against every rejected one of its item, with the item's number, in order.</summary>
    public IEnumerable<(int Chosen, int Rejected, int Item)> Pairs() =>
        from item in Enumerable.Range(0, Items.Count)
        from chosen in Items[item].Chosen
        from rejected in Items[item].Rejected
        select (chosen, rejected, item);

    /// <summary>Names an item's prompt: pairs of one prompt are never split between training and held-out part.</summary>
    public string PromptOf(int item) => string.Join('\u001f', Data.Items[item].Prompt.Select(message => $"{message.Role}\u001e{message.Content}\u001e{message.Fields?.Value}"));

    /// <summary>The tokens of a completion with its prompt.</summary>
    internal TokenSequence SequenceOf(int row) => _completions.Sequences[row];

    /// <summary>Encodes a set, and reads its states where they are to be kept: from the cache what it has.</summary>
    /// <param name="backbone">The model; must outlive the states.</param>
    /// <param name="layer">Block after which they are read.</param>
    /// <param name="position">Where they are read.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="cache">Where states are looked up and kept, or null.</param>
    /// <param name="keptBytes">States that take more are not kept: each <see cref="Read"/> then looks them up or computes them.</param>
    /// <param name="seen">Handed each block of states that is to be kept, as it is read; or null.</param>
    /// <param name="progress">Told of the completions done.</param>
    /// <param name="cancel">Checked between micro-batches.</param>
    /// <exception cref="Errors.SparseRMException">A completion cannot be encoded (names file and line), or its state is not finite.</exception>
    internal static PreferenceStates Open(
        Backbone backbone, int layer, ReadOutPosition position, PreferenceSet data, CachedStates? cache, long keptBytes,
        BlockReader? seen, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var completions = Completions.Of(backbone.Encoder, position, data, cancel);
        long bytes = (long)completions.Sequences.Count * backbone.DModel * sizeof(float);
        float[]? kept = bytes <= keptBytes ? StateReading.All(backbone, completions.Sequences, layer, cache, seen, progress, cancel) : null;
        return new PreferenceStates(backbone, layer, cache, completions, data, kept);
    }

    /// <summary>States that are in memory already.</summary>
    /// <param name="backbone">The model; must outlive them.</param>
    /// <param name="layer">Block after which they were read.</param>
    /// <param name="completions">Of the data.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="kept">[completions, d_model].</param>
    internal static PreferenceStates InMemory(Backbone backbone, int layer, Completions completions, PreferenceSet data, float[] kept) =>
        new(backbone, layer, null, completions, data, kept);

    /// <summary>Hands over the states of some completions, each once, in blocks and in any order.</summary>
    /// <param name="rows">Numbers of completions.</param>
    /// <param name="read">Told rows and states [n, d_model]; valid during the call.</param>
    /// <param name="progress">Told of the completions done, where they are not in memory.</param>
    /// <param name="cancel">Checked between blocks.</param>
    /// <exception cref="Errors.SparseRMException">A state is not finite.</exception>
    internal void Read(IReadOnlyList<int> rows, BlockReader read, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        if (_kept is null)
        {
            StateReading.Blocks(_backbone, [.. rows.Select(row => _completions.Sequences[row])], _layer, _cache,
                (numbers, states, onBackend) => read(Array.ConvertAll(numbers.ToArray(), number => rows[number]), states, onBackend), progress, cancel);
            return;
        }
        var block = new float[Math.Min(BlockRows, rows.Count) * DModel];
        foreach (int[] numbers in rows.Chunk(BlockRows))
        {
            cancel.ThrowIfCancellationRequested();
            for (int i = 0; i < numbers.Length; i++) _kept.AsSpan(numbers[i] * DModel, DModel).CopyTo(block.AsSpan(i * DModel));
            read(numbers, block.AsMemory(0, numbers.Length * DModel), null);
        }
    }

    /// <summary>Scores every completion, item by item.</summary>
    /// <param name="score">Score of a row.</param>
    public ItemScores[] Scores(Func<int, float> score) => _completions.Scores(score);
}
