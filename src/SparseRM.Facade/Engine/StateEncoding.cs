using System.Runtime.CompilerServices;
using SparseRM.Fitting;
using SparseRM.Sae;
using SparseRM.Scoring;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Receives a head's input v of one completion; valid during the call.</summary>
internal delegate void InputReader(int row, ReadOnlySpan<float> v);

/// <summary>What a fit reads of states: which latents are active, how often, and the heads' inputs. Not thread-safe.</summary>
/// <param name="backbone">Where the states are computed; must outlive this.</param>
/// <param name="sae">The SAE, where there is one.</param>
internal sealed class StateEncoding(Backbone backbone, SparseAutoencoder? sae) : IDisposable
{
    private const string Stage = "encoding states";

    // Kept here and not in the states: another trainer's SAE has other latents. Null for a row that is not encoded yet.
    private readonly ConditionalWeakTable<PreferenceStates, (int[] Ids, float[] Values)?[]> _latents = [];
    private SaeEncoder? _encoder;

    private delegate void BlockEncoder(SaeEncoder encoder, ReadOnlyMemory<int> numbers, Tensor block);

    /// <summary>Opens states and encodes what of them is computed and kept while it is still on the backend, so that no fit sends it there once more.</summary>
    /// <remarks>
    /// States out of the cache come from the host, and latents are kept as long as they take no more memory than the states themselves: the others are encoded when
    /// they are asked for.
    /// </remarks>
    /// <param name="open">Opens the states, and hands over each block that it computes to be kept; nobody wants them where it is given null.</param>
    public PreferenceStates Open(Func<BlockReader?, PreferenceStates> open)
    {
        if (sae is null) return open(null);
        var encoded = new Dictionary<int, (int[], float[])>();
        long seen = 0, kept = 0; // floats of states, and numbers of latents
        var states = open((numbers, _, onBackend) =>
        {
            if (onBackend is not { } block) return;
            Encoder().Encode(block, (i, latents, activations) =>
            {
                seen += block.Columns;
                if (kept + (2 * latents.Length) > seen) return;
                kept += 2 * latents.Length;
                encoded[numbers.Span[i]] = (latents.ToArray(), activations.ToArray());
            });
        });
        if (encoded.Count == 0) return states;
        var rows = LatentsOf(states);
        foreach (var (row, latents) in encoded) rows[row] = latents;
        return states;
    }

    /// <summary>How often each latent is active on either side: from latents that are kept, or counted where they are computed.</summary>
    public LatentFrequency Frequency(PreferenceStates states, PairPlaces places, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var frequency = new LatentFrequency(sae!.DSae);
        if (states.AreKept)
        {
            ReadLatents(states, places.Rows, (row, latents, _) =>
            {
                foreach (var (_, isChosen) in places[row]) frequency.Add(isChosen, latents);
            }, progress, cancel);
            return frequency;
        }
        LatentCounter? counter = null;
        try
        {
            int[] times = [];
            EncodeBlocks(states, places.Rows, (encoder, numbers, block) =>
            {
                counter ??= new LatentCounter(backbone.Backend, encoder, frequency);
                Array.Resize(ref times, 2 * numbers.Length);
                for (int i = 0; i < numbers.Length; i++) (times[2 * i], times[(2 * i) + 1]) = places.Times(numbers.Span[i]);
                counter.Add(block, times);
            }, progress, cancel);
            backbone.Engine.Use(() => counter?.Flush());
            return frequency;
        }
        finally
        {
            backbone.Engine.Use(() => counter?.Dispose()); // asked within the turn: a batch that runs on after the call was cancelled may make it
        }
    }

    /// <summary>Hands over the head's input of some completions.</summary>
    public void ReadInputs(
        PreferenceStates states, IReadOnlyList<int> rows, HeadInput input, int threads, InputReader read,
        IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (input.NeedsSae)
        {
            var v = new float[input.Count];
            ReadLatents(states, rows, (row, latents, activations) =>
            {
                input.Gather(latents, activations, v);
                read(row, v);
            }, progress, cancel);
            return;
        }
        states.Read(rows, (numbers, block, _) =>
        {
            float[] values = input.ComputeRows(block, threads);
            for (int i = 0; i < numbers.Length; i++) read(numbers.Span[i], values.AsSpan(i * input.Count, input.Count));
        }, progress, cancel);
    }

    /// <inheritdoc/>
    public void Dispose() => backbone.Engine.Use(() => _encoder?.Dispose());

    /// <summary>The active latents of every completion whose state is in memory, by row: encoded once and kept.</summary>
    public (int[] Ids, float[] Values)[] Latents(PreferenceStates states, IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        Array.ConvertAll(Encoded(states, progress, cancel), latents => latents!.Value);

    /// <summary>Hands over the active latents of some completions: those of states in memory are encoded once and kept, too.</summary>
    private void ReadLatents(
        PreferenceStates states, IReadOnlyList<int> rows, SaeEncoder.RowReader read, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        if (!states.AreKept)
        {
            Encode(states, rows, read, progress, cancel);
            return;
        }
        var latents = Encoded(states, progress, cancel);
        foreach (int row in rows)
        {
            var (ids, values) = latents[row]!.Value;
            read(row, ids, values);
        }
    }

    /// <summary>The latents of states in memory, none of them missing.</summary>
    private (int[] Ids, float[] Values)?[] Encoded(PreferenceStates states, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var latents = LatentsOf(states);
        int[] missing = [.. Enumerable.Range(0, states.Count).Where(row => latents[row] is null)];
        new StageProgress(progress, Stage, states.Count).Report(states.Count - missing.Length);
        cancel.ThrowIfCancellationRequested();
        Encode(states, missing, (row, ids, values) => latents[row] = (ids.ToArray(), values.ToArray()), progress, cancel);
        return latents;
    }

    private void Encode(
        PreferenceStates states, IReadOnlyList<int> rows, SaeEncoder.RowReader read, IProgress<WorkProgress>? progress, CancellationToken cancel) =>
        EncodeBlocks(states, rows, (encoder, numbers, block) =>
            encoder.Encode(block, (i, latents, activations) => read(numbers.Span[i], latents, activations)), progress, cancel);

    /// <summary>Hands over the states of some completions with the encoder, while nobody else uses the backend.</summary>
    private void EncodeBlocks(
        PreferenceStates states, IReadOnlyList<int> rows, BlockEncoder encode, IProgress<WorkProgress>? progress, CancellationToken cancel)
    {
        var stage = states.AreKept ? new StageProgress(progress, Stage, states.Count, states.Count - rows.Count) : null;
        DeviceBuffer? sent = null;
        int done = 0;
        try
        {
            states.Read(rows, (numbers, block, onBackend) =>
            {
                backbone.Engine.Use(() => encode(Encoder(), numbers, onBackend ?? Sent(block, ref sent)));
                stage?.Report(done += numbers.Length); // where the states are computed, too, whoever computes them tells of it between batches
            }, new NamedStage(progress, Stage), cancel);
        }
        finally
        {
            if (sent is not null) backbone.Engine.Use(sent.Dispose);
        }
    }

    /// <summary>The encoder, loaded when it is first used; for the thread that owns the backend.</summary>
    private SaeEncoder Encoder() => _encoder ??= new SaeEncoder(backbone.Backend, sae!);

    private (int[] Ids, float[] Values)?[] LatentsOf(PreferenceStates states) => _latents.GetValue(states, all => new (int[], float[])?[all.Count]);

    /// <summary>States [n, d_model] of the host on the backend.</summary>
    private Tensor Sent(ReadOnlyMemory<float> states, ref DeviceBuffer? buffer)
    {
        if (buffer is null || buffer.Length < states.Length)
        {
            buffer?.Dispose();
            buffer = null;
            buffer = backbone.Backend.Allocate(states.Length);
        }
        var sent = new Tensor(buffer, 0, states.Length / backbone.DModel, backbone.DModel, backbone.DModel);
        backbone.Backend.Upload(states.Span, sent);
        return sent;
    }
}
