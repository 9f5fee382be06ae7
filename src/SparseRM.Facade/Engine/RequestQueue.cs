using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>What waits for the backend, and in which order it is taken. Not thread-safe: the engine's lock guards it.</summary>
internal sealed class RequestQueue(QueueOptions options, int maxBatchTokens)
{
    // So many interactive batches go before a bulk one that waits.
    private const int InteractiveInARow = 8;
    private readonly LinkedList<ForwardRequest> _interactive = [], _bulk = [];
    private readonly List<TokenSequence> _chosen = [];
    private int _inARow;

    /// <summary>Requests that wait, in whole or in part.</summary>
    public int Requests => _interactive.Count + _bulk.Count;

    /// <summary>Tokens that wait.</summary>
    public long Tokens { get; private set; }

    /// <summary>Adds a request.</summary>
    /// <exception cref="QueueFullException">There are too many, or too many tokens with them.</exception>
    public void Add(ForwardRequest request)
    {
        long tokens = TokensOf(request.Sequences);
        if (Requests >= options.MaxRequests || (Requests > 0 && Tokens + tokens > options.MaxTokens))
            throw new QueueFullException(Requests, Tokens, options);
        Tokens += tokens;
        ListOf(request).AddLast(request);
    }

    /// <summary>Takes out what still waits of a request.</summary>
    public void Remove(ForwardRequest request)
    {
        if (!ListOf(request).Remove(request)) return;
        Tokens -= TokensOf(request.Sequences.AsSpan(request.Taken));
        request.Taken = request.Sequences.Length;
    }

    /// <summary>Takes out all.</summary>
    public List<ForwardRequest> RemoveAll()
    {
        List<ForwardRequest> all = [.. _interactive, .. _bulk];
        _interactive.Clear();
        _bulk.Clear();
        Tokens = 0;
        return all;
    }

    /// <summary>Takes the next batch: neighbours in time that run equally deep, as many as fit; empty where nothing waits.</summary>
    public void Take(List<BatchPart> parts)
    {
        parts.Clear();
        if (Requests == 0) return;
        bool bulk = _interactive.Count == 0 || (_bulk.Count > 0 && _inARow >= InteractiveInARow);
        _inARow = bulk ? 0 : _inARow + 1;
        var list = bulk ? _bulk : _interactive;
        int depth = list.First!.Value.Layers[^1];
        // The first request alone: cut where its sorted sequences share the least.
        long tokens = TakeFirst(list, parts);
        _chosen.Clear();
        foreach (var sequence in parts[0].Sequences) _chosen.Add(sequence);
        if (list.Count > 0 && parts[0].Request == list.First.Value) return; // it goes on in the next batch
        for (var node = list.First; node is not null && tokens < maxBatchTokens && _chosen.Count < BatchPlan.MaxSequences;)
        {
            var (request, next) = (node.Value, node.Next);
            if (request.Layers[^1] == depth)
            {
                int count = Fitting(request, ref tokens);
                if (count == 0) break;
                parts.Add(new BatchPart(request, request.Taken, count));
                Advance(list, request, count);
                if (request.Waiting > 0) break;
            }
            node = next;
        }
        // Those of one consumer stand together.
        if (parts.Count > 2) Arrange(parts);
    }

    private long TakeFirst(LinkedList<ForwardRequest> list, List<BatchPart> parts)
    {
        var request = list.First!.Value;
        var rest = request.Sequences.AsSpan(request.Taken);
        int size = rest.Length == 1 ? 1 : BatchPlan.Size(rest, maxBatchTokens);
        parts.Add(new BatchPart(request, request.Taken, size));
        Advance(list, request, size);
        long tokens = 0;
        ReadOnlySpan<int> before = [];
        foreach (var sequence in parts[0].Sequences)
        {
            var ids = sequence.Ids.Span;
            tokens += ids.Length - before.CommonPrefixLength(ids);
            before = ids;
        }
        return tokens;
    }

    /// <summary>How many of a request's next sequences fit beside those chosen; a beginning that they share is counted once.</summary>
    private int Fitting(ForwardRequest request, ref long tokens)
    {
        int count = 0;
        foreach (var sequence in request.Sequences.AsSpan(request.Taken))
        {
            var ids = sequence.Ids.Span;
            int shared = 0;
            // Neighbours in time mostly share the most: the last few are looked at.
            for (int i = _chosen.Count - 1; i >= Math.Max(0, _chosen.Count - 8); i--)
                shared = Math.Max(shared, _chosen[i].Ids.Span.CommonPrefixLength(ids));
            long own = Math.Max(ids.Length - shared, sequence.ReadOut.Positions);
            if (tokens + own > maxBatchTokens || _chosen.Count >= BatchPlan.MaxSequences) break;
            tokens += own;
            _chosen.Add(sequence);
            count++;
        }
        return count;
    }

    private void Advance(LinkedList<ForwardRequest> list, ForwardRequest request, int count)
    {
        Tokens -= TokensOf(request.Sequences.AsSpan(request.Taken, count));
        request.Taken += count;
        if (request.Waiting == 0) list.Remove(request);
    }

    private static void Arrange(List<BatchPart> parts)
    {
        for (int i = 1; i < parts.Count; i++)
        {
            int place = i;
            while (place > 0 && parts[place - 1].Request.Consumer != parts[i].Request.Consumer) place--;
            if (place == 0 || place == i) continue;
            var part = parts[i];
            parts.RemoveAt(i);
            parts.Insert(place, part);
        }
    }

    private LinkedList<ForwardRequest> ListOf(ForwardRequest request) => request.Priority == Priority.Interactive ? _interactive : _bulk;

    private static long TokensOf(ReadOnlySpan<TokenSequence> sequences)
    {
        long tokens = 0;
        foreach (var sequence in sequences) tokens += sequence.Ids.Length;
        return tokens;
    }
}
