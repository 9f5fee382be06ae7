using System.Runtime.InteropServices;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Runs batches: packs, looks up and keeps prefixes, computes, hands out states. For the thread that owns the backend.</summary>
/// <remarks>
/// A batch is begun, then ended. Where the backend computes behind the calls, the next one may be begun in between: it is enqueued while this one is computed.
/// Whatever it reads of this one's keys and values, and whatever memory of this one it writes over, comes behind this one in the backend's queue.
/// </remarks>
internal sealed class BatchRun(TransformerModel model, long prefixCacheBytes, long sessionBytes) : IDisposable
{
    private readonly ResidualRunner _runner = new(model);
    private readonly List<TokenSequence> _sequences = [];
    private readonly List<KeyValuePrefix?> _known = [];
    private readonly RunningBatch _single = new();
    private readonly SortedSet<int> _layerSet = [];
    private int[] _layers = [];
    private Tensor[] _states = [], _handed = [];
    private long _losses; // times that all of the cache was forgotten

    /// <summary>Keys and values of earlier texts.</summary>
    public PrefixCache Cache { get; } = new(model.Backend, model.Config, prefixCacheBytes);

    /// <summary>Keys and values of sessions.</summary>
    public SessionStore Sessions { get; } = new(model.Backend, model.Config, sessionBytes);

    /// <summary>Forward passes that came to their end.</summary>
    public long Passes { get; private set; }

    /// <summary>Sequences whose states were handed out.</summary>
    public long Sequences { get; private set; }

    /// <summary>Tokens that went through the blocks so far.</summary>
    public long ComputedTokens => _runner.ComputedTokens;

    /// <summary>Enqueues a batch, unless its pass fails at once; <see cref="End"/> must follow.</summary>
    public void Begin(RunningBatch batch)
    {
        try
        {
            Enqueue(batch);
        }
        catch (Exception error)
        {
            // The pass failed: nobody was handed anything yet.
            batch.Drop();
            batch.Error = error;
            Cache.Abandon();
        }
    }

    /// <summary>Places what the batch found and advances its requests. What fails fails alone: its neighbours are run again without it.</summary>
    public void End(RunningBatch batch)
    {
        var parts = CollectionsMarshal.AsSpan(batch.Parts);
        if (batch.Error is { } error)
        {
            batch.Error = null;
            if (parts is [{ Count: 1 } only]) only.Request.Fail(only.First, error);
            else RunOneByOne(parts);
        }
        else if (batch.IsOnKnown && batch.Losses != _losses)
        {
            // The pass before it failed on the device when this one had been enqueued, perhaps on keys and values of that one.
            foreach (var (first, end, scores) in batch.Pending)
            {
                scores.Dispose();
                RunOneByOne(parts[first..end]);
            }
            batch.Pending.Clear();
        }
        else
        {
            Place(batch);
        }
        foreach (var part in parts) part.Request.Advance(part.Count);
    }

    private void RunOneByOne(ReadOnlySpan<BatchPart> parts)
    {
        foreach (var part in parts)
        {
            for (int i = 0; i < part.Count; i++)
            {
                _single.Parts.Clear();
                _single.Parts.Add(part with { First = part.First + i, Count = 1 });
                try
                {
                    Enqueue(_single);
                    Place(_single);
                }
                catch (Exception own)
                {
                    _single.Drop();
                    Cache.Abandon();
                    part.Request.Fail(part.First + i, own);
                }
            }
        }
        _single.Parts.Clear();
    }

    private static void FailAll(ReadOnlySpan<BatchPart> parts, Exception error)
    {
        foreach (var part in parts)
            for (int i = 0; i < part.Count; i++) part.Request.Fail(part.First + i, error);
    }

    private void Enqueue(RunningBatch batch)
    {
        var parts = batch.Parts;
        (batch.Losses, batch.IsOnKnown) = (_losses, false);
        PlaceLayers(parts);
        Cache.Begin();
        _sequences.Clear();
        _known.Clear();
        bool anyKnown = false, anyKept = false;
        foreach (var part in parts)
        {
            for (int i = part.First; i < part.First + part.Count; i++)
            {
                var sequence = part.Request.Sequences[i];
                // A copy where the cache is told what was computed: who has cancelled his call may change his own meanwhile.
                if (part.Request.KeepsPrefixes) sequence = sequence with { Ids = sequence.Ids.ToArray() };
                var known = part.Request.Known(i) ?? Cache.Find(sequence.Ids.Span, sequence.ReadOut.Start, _layers[^1] + 1);
                _sequences.Add(sequence);
                _known.Add(known);
                anyKnown |= known is not null;
                anyKept |= part.Request.KeepsPrefixes;
            }
        }
        batch.IsOnKnown = anyKnown;
        var sequences = CollectionsMarshal.AsSpan(_sequences);
        Keep(parts, _runner.Pack(sequences, anyKnown ? CollectionsMarshal.AsSpan(_known) : []), anyKept);
        _runner.Run(sequences, _layers, _states);
        if (HandOut(batch)) Cache.Commit();
        else Cache.Abandon();
        // The ids are the callers'.
        _sequences.Clear();
        _known.Clear();
    }

    private void Keep(List<BatchPart> parts, TokenBatch batch, bool inCache)
    {
        int number = 0;
        foreach (var part in parts)
        {
            for (int i = part.First; i < part.First + part.Count; i++, number++)
            {
                if (part.Request.Kept(i) is { } own) batch.Keep(number, _known[number]?.Length ?? 0, own.Segment, own.First);
                else if (inCache && part.Request.KeepsPrefixes && Cache.Add(_sequences[number].Ids, _layers[^1] + 1) is var (segment, from)) batch.Keep(number, from, segment, 0);
            }
        }
    }

    /// <summary>All layers that a part of the batch reads, rising.</summary>
    private void PlaceLayers(List<BatchPart> parts)
    {
        bool same = true;
        foreach (var part in parts) same &= part.Request.Layers.AsSpan().SequenceEqual(parts[0].Request.Layers);
        if (same)
        {
            _layers = parts[0].Request.Layers;
        }
        else
        {
            _layerSet.Clear();
            foreach (var part in parts) _layerSet.UnionWith(part.Request.Layers);
            _layers = [.. _layerSet];
        }
        if (_states.Length != _layers.Length) _states = new Tensor[_layers.Length];
    }

    /// <summary>Hands each consumer its states; what one of them throws fails that one's parts alone.</summary>
    /// <returns>Whether all took theirs.</returns>
    private bool HandOut(RunningBatch batch)
    {
        bool all = true, overlaps = model.Backend.RunsBehind && batch.MayOverlap;
        int row = 0;
        var parts = CollectionsMarshal.AsSpan(batch.Parts);
        for (int first = 0, end; first < parts.Length; first = end)
        {
            int rows = parts[first].States;
            for (end = first + 1; end < parts.Length && parts[end].Request.Consumer == parts[first].Request.Consumer; end++) rows += parts[end].States;
            int[] layers = parts[first].Request.Layers;
            if (_handed.Length < layers.Length) _handed = new Tensor[layers.Length];
            for (int i = 0; i < layers.Length; i++) _handed[i] = _states[Array.IndexOf(_layers, layers[i])].RowRange(row, rows);
            try
            {
                var scores = parts[first].Request.Consume(_handed.AsSpan(0, layers.Length), parts[first..end]);
                if (scores is not { } pending) Finish(parts[first..end]);
                else if (overlaps) batch.Pending.Add((first, end, pending));
                else Place(parts[first..end], pending);
            }
            catch (Exception error)
            {
                all = false;
                FailAll(parts[first..end], error);
            }
            row += rows;
        }
        return all;
    }

    private void Place(RunningBatch batch)
    {
        Passes++;
        var parts = CollectionsMarshal.AsSpan(batch.Parts);
        for (int i = 0; i < batch.Pending.Count; i++)
        {
            var (first, end, scores) = batch.Pending[i];
            batch.Pending[i] = default;
            try
            {
                Place(parts[first..end], scores);
            }
            catch (Exception error)
            {
                // The pass may be what failed, and a batch that was begun since may have added to what it left: all of that goes.
                Cache.Clear();
                _losses++;
                FailAll(parts[first..end], error);
            }
        }
        batch.Pending.Clear();
    }

    private void Place(ReadOnlySpan<BatchPart> parts, PendingScores scores)
    {
        using (scores) parts[0].Request.Place(scores, parts);
        Finish(parts);
    }

    private void Finish(ReadOnlySpan<BatchPart> parts)
    {
        foreach (var part in parts)
        {
            Sequences += part.Count;
            for (int i = part.First; i < part.First + part.Count; i++) part.Request.Finish(i);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cache.Dispose();
        _runner.Dispose();
    }
}
