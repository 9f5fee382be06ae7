using SparseRM.Data;
using SparseRM.Engine;
using SparseRM.Errors;
using SparseRM.Fitting;
using SparseRM.Models;

namespace SparseRM;

/// <summary>Reads the states of a preference set after several blocks from one pass over its texts.</summary>
internal static class LayeredStates
{
    private const string Stage = "reading states";

    /// <summary>The states by block, all in memory, with the bits that a trainer of one block reads.</summary>
    /// <param name="backbone">The model; loads blocks that are missing, and must outlive the states.</param>
    /// <param name="layers">Blocks after which they are read, 0-based; at least one.</param>
    /// <param name="position">Where they are read.</param>
    /// <param name="data">The pairs.</param>
    /// <param name="cache">Where states are looked up and kept, or null. A text is computed again where one of its blocks is missing.</param>
    /// <param name="keptBytes">Bytes that the states of all blocks may take.</param>
    /// <param name="progress">Told of the completions done.</param>
    /// <param name="cancel">Checked between batches.</param>
    /// <exception cref="SparseRMException">A completion cannot be encoded (names file and line), a state is not finite, the model has no such block, or the states take too much memory.</exception>
    public static IReadOnlyDictionary<int, PreferenceStates> Read(
        Backbone backbone, IReadOnlyCollection<int> layers, ReadOutPosition position, PreferenceSet data, HiddenStateCache? cache = null,
        long keptBytes = PreferenceStates.DefaultKeptBytes, IProgress<WorkProgress>? progress = null, CancellationToken cancel = default)
    {
        int[] rising = [.. layers.Distinct().Order()];
        if (rising.Length == 0) throw new ArgumentException("no layer is given", nameof(layers));
        backbone.Load(rising[^1], null, cancel);
        var completions = Completions.Of(backbone.Encoder, position, data, cancel);
        var sequences = completions.Sequences;
        int width = backbone.DModel;
        long values = (long)sequences.Count * width;
        if (values * rising.Length > keptBytes / sizeof(float) || values > Array.MaxLength)
        {
            throw new SparseRMException(ErrorKind.Usage,
                $"the hidden states of {sequences.Count} answers after {rising.Length} blocks take {(values * rising.Length * sizeof(float)) >> 20} MiB, "
                + $"and {keptBytes >> 20} MiB are kept in memory; use fewer pairs or fewer layers");
        }
        var kept = Array.ConvertAll(rising, _ => new float[values]);
        var caches = Array.ConvertAll(rising, layer => cache is null ? null : new CachedStates(cache, backbone, layer, position));
        int[] missing = [.. Enumerable.Range(0, sequences.Count).Where(row => !Found(row))];
        Compute(backbone, sequences, missing, rising, kept, new StageProgress(progress, Stage, sequences.Count, sequences.Count - missing.Length), cancel);
        for (int i = 0; i < rising.Length; i++)
        {
            foreach (int row in missing) caches[i]?.Add(sequences[row], kept[i].AsSpan(row * width, width));
        }
        cache?.Flush();
        return rising.Zip(kept).ToDictionary(pair => pair.First, pair => PreferenceStates.InMemory(backbone, pair.First, completions, data, pair.Second));

        bool Found(int row)
        {
            cancel.ThrowIfCancellationRequested();
            for (int i = 0; i < rising.Length; i++)
                if (caches[i] is null || !caches[i]!.TryGet(sequences[row], kept[i].AsSpan(row * width, width))) return false;
            return true;
        }
    }

    private static void Compute(
        Backbone backbone, IReadOnlyList<TokenSequence> sequences, int[] missing, int[] layers, float[][] kept, IProgress<int> progress, CancellationToken cancel)
    {
        int width = backbone.DModel;
        float[] block = [];
        backbone.Engine.Run(LayerStatesRequest.Of([.. missing.Select(row => sequences[row])], layers, (i, states, numbers) =>
        {
            int length = states.Rows * states.Columns;
            if (block.Length < length) block = new float[length];
            StateReading.DownloadFinite(backbone.Backend, states, block, layers[i]);
            for (int n = 0; n < numbers.Length; n++) block.AsSpan(n * width, width).CopyTo(kept[i].AsSpan(missing[numbers.Span[n]] * width));
        }), progress, cancel);
    }
}
