using SparseRM.Errors;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>What waits for the backend, and in which order it is taken. Not thread-safe: the engine's lock guards it.</summary>
internal sealed class RequestQueue(QueueOptions options, int maxBatchTokens)
{
    // So many interactive batches go before a bulk one that waits.
    private const int InteractiveInARow = 8;

    // Requests among which one is looked for that runs deeper over the same text.
    private const int LookedAt = 64;
    private readonly LinkedList<ForwardRequest> _interactive = [], _bulk = [];
    private readonly List<TokenSequence> _chosen = [];
    private readonly HashSet<ReadOnlyMemory<int>> _texts = new(TokenComparer.Instance);
    private int _inARow;

    /// <summary>Requests that wait, in whole or in part.</summary>
    public int Requests => _interactive.Count + _bulk.Count;

    /// <summary>Tokens that wait.</summary>
    public long Tokens { get; private set; }

    /// <summary>Whether as many tokens wait as stand in one batch, beginnings that are shared counted each time.</summary>
    public bool FillsBatch => Tokens >= maxBatchTokens;

    /// <summary>What stands first where nothing else is known of it; null where nothing waits.</summary>
    public ForwardRequest? First => (_interactive.First ?? _bulk.First)?.Value;

    /// <summary>Adds requests, or none of them.</summary>
    /// <exception cref="QueueFullException">There are too many, or too many tokens with them.</exception>
    public void Add(ReadOnlySpan<ForwardRequest> requests)
    {
        long tokens = 0;
        foreach (var request in requests) tokens += TokensOf(request.Sequences);
        // An empty queue takes whatever belongs together: else it would be refused for ever.
        if (Requests > 0 && (Requests + requests.Length > options.MaxRequests || Tokens + tokens > options.MaxTokens))
            throw new QueueFullException(Requests, Tokens, options);
        Tokens += tokens;
        foreach (var request in requests) ListOf(request).AddLast(request);
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

    /// <summary>
    /// Takes the next batch: neighbours in time that run equally deep, as many as fit, and whatever asks for the same texts up to another layer; empty where
    /// nothing waits.
    /// </summary>
    public void Take(List<BatchPart> parts)
    {
        parts.Clear();
        if (Requests == 0) return;
        bool bulk = _interactive.Count == 0 || (_bulk.Count > 0 && _inARow >= InteractiveInARow);
        _inARow = bulk ? 0 : _inARow + 1;
        var list = bulk ? _bulk : _interactive;
        // The first request alone: cut where its sorted sequences share the least.
        var first = Deepest(list);
        int depth = first.Layers[^1];
        long tokens = TakeFirst(list, first, parts);
        _chosen.Clear();
        foreach (var sequence in parts[0].Sequences) _chosen.Add(sequence);
        bool goesOn = first.Waiting > 0; // then only what is computed in this batch anyway joins
        bool fits = true;
        _texts.Clear();
        for (LinkedListNode<ForwardRequest>? node = list.First, next; node is not null && _chosen.Count < BatchPlan.MaxSequences; node = next)
        {
            next = node.Next;
            var request = node.Value;
            if (request == first) continue;
            bool joins = fits && !goesOn && request.Layers[^1] == depth && tokens < maxBatchTokens;
            int count = joins ? Fitting(request, ref tokens) : request.Layers[^1] <= depth && !request.HoldsMemory ? Computed(request, ref tokens) : 0;
            if (joins) fits = count == request.Waiting;
            if (count == 0) continue;
            parts.Add(new BatchPart(request, request.Taken, count));
            Advance(list, request, count);
        }
        // Those of one consumer stand together.
        if (parts.Count > 2) Arrange(parts);
    }

    /// <summary>The request that goes first, or one behind it that asks for the same text up to a deeper layer: its pass serves both.</summary>
    private static ForwardRequest Deepest(LinkedList<ForwardRequest> list)
    {
        var first = list.First!.Value;
        if (first.HoldsMemory || list.Count == 1) return first;
        var (deepest, text) = (first, first.Sequences[first.Taken].Ids);
        int looked = 0;
        foreach (var request in list)
        {
            if (++looked > LookedAt) break;
            if (request.Layers[^1] > deepest.Layers[^1] && request.Sequences[request.Taken].Ids.Span.SequenceEqual(text.Span)) deepest = request;
        }
        return deepest;
    }

    /// <summary>How many of a request's next sequences are texts of this batch: they cost nothing but their read-outs, each a row of the last block.</summary>
    private int Computed(ForwardRequest request, ref long tokens)
    {
        if (_texts.Count == 0)
            foreach (var sequence in _chosen) _texts.Add(sequence.Ids);
        int count = 0;
        while (count < request.Waiting && _texts.Contains(request.Sequences[request.Taken + count].Ids))
        {
            // One state each is what a batch of scores reads anyway.
            int reads = request.Sequences[request.Taken + count].ReadOut.Positions - 1;
            if (tokens + reads > 2L * maxBatchTokens) break;
            tokens += reads;
            count++;
        }
        return count;
    }

    private long TakeFirst(LinkedList<ForwardRequest> list, ForwardRequest request, List<BatchPart> parts)
    {
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
