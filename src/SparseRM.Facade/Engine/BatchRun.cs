using System.Runtime.InteropServices;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Engine;

/// <summary>Runs batches: packs, looks up and keeps prefixes, computes, hands out states. For the thread that owns the backend.</summary>
internal sealed class BatchRun(TransformerModel model, long prefixCacheBytes, long sessionBytes) : IDisposable
{
    private readonly ResidualRunner _runner = new(model);
    private readonly List<TokenSequence> _sequences = [];
    private readonly List<KeyValuePrefix?> _known = [];
    private readonly List<BatchPart> _single = [];
    private readonly SortedSet<int> _layerSet = [];
    private int[] _layers = [];
    private Tensor[] _states = [], _handed = [];

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

    /// <summary>Runs a batch and advances its requests. What fails fails alone: its neighbours are run again without it.</summary>
    public void Run(List<BatchPart> parts)
    {
        try
        {
            Compute(parts);
        }
        catch (Exception error)
        {
            // The pass itself failed: nobody was handed anything yet.
            Cache.Abandon();
            if (parts.Count == 1 && parts[0].Count == 1) parts[0].Request.Fail(parts[0].First, error);
            else RunOneByOne(parts);
        }
        foreach (var part in parts) part.Request.Advance(part.Count);
    }

    private void RunOneByOne(List<BatchPart> parts)
    {
        foreach (var part in parts)
        {
            for (int i = 0; i < part.Count; i++)
            {
                _single.Clear();
                _single.Add(part with { First = part.First + i, Count = 1 });
                try
                {
                    Compute(_single);
                }
                catch (Exception error)
                {
                    Cache.Abandon();
                    part.Request.Fail(part.First + i, error);
                }
            }
        }
    }

    private static void FailAll(ReadOnlySpan<BatchPart> parts, Exception error)
    {
        foreach (var part in parts)
            for (int i = 0; i < part.Count; i++) part.Request.Fail(part.First + i, error);
    }

    private void Compute(List<BatchPart> parts)
    {
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
                var known = part.Request.Known(i) ?? Cache.Find(sequence.Ids.Span, sequence.ReadOut.Start, _layers[^1] + 1);
                _sequences.Add(sequence);
                _known.Add(known);
                anyKnown |= known is not null;
                anyKept |= part.Request.KeepsPrefixes;
            }
        }
        var sequences = CollectionsMarshal.AsSpan(_sequences);
        var batch = _runner.Pack(sequences, anyKnown ? CollectionsMarshal.AsSpan(_known) : []);
        Keep(parts, batch, anyKept);
        _runner.Run(sequences, _layers, _states);
        Passes++;
        // An error of a device may show only when states are read: then nothing of the pass is kept.
        if (HandOut(parts)) Cache.Commit();
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
    private bool HandOut(List<BatchPart> parts)
    {
        bool all = true;
        int row = 0;
        for (int first = 0, end; first < parts.Count; first = end)
        {
            int rows = parts[first].States;
            for (end = first + 1; end < parts.Count && parts[end].Request.Consumer == parts[first].Request.Consumer; end++) rows += parts[end].States;
            int[] layers = parts[first].Request.Layers;
            if (_handed.Length < layers.Length) _handed = new Tensor[layers.Length];
            for (int i = 0; i < layers.Length; i++) _handed[i] = _states[Array.IndexOf(_layers, layers[i])].RowRange(row, rows);
            var own = CollectionsMarshal.AsSpan(parts)[first..end];
            try
            {
                parts[first].Request.Consume(_handed.AsSpan(0, layers.Length), own);
                foreach (var part in own) Finish(part);
            }
            catch (Exception error)
            {
                all = false;
                FailAll(own, error);
            }
            row += rows;
        }
        return all;
    }

    private void Finish(BatchPart part)
    {
        Sequences += part.Count;
        for (int i = part.First; i < part.First + part.Count; i++) part.Request.Finish(i);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cache.Dispose();
        _runner.Dispose();
    }
}
