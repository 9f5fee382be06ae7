using SparseRM.Backends;
using SparseRM.Errors;

namespace SparseRM.Models;

/// <summary>Keys and values of texts that were run before, by their tokens: a beginning that comes back is not computed again.</summary>
/// <remarks>
/// A tree for each number of blocks: a node holds a run of tokens that its parent's tokens go on with, so that a beginning which texts share is kept once.
/// Bounded in bytes; what was used longest ago goes first, leaves before what they grow from. What a session took over from it stays as long as the session
/// holds it, and counts here. It belongs to one model on one backend with its kernels, whose states alone it can give back. For the thread that owns the
/// backend.
/// </remarks>
public sealed class PrefixCache(Backend backend, ModelConfig config, long capacity) : IDisposable
{
    private readonly Dictionary<int, Node> _roots = [];
    private readonly LinkedList<Node> _recent = []; // first: used last; a parent always stands before its children
    private readonly List<Node> _unfilled = [];
    private long _bytes, _tick;

    private sealed class Node(Node? parent, int at, ReadOnlyMemory<int> ids, KeyValueSegment? segment)
    {
        public readonly Node? Parent = parent;
        /// <summary>How many of the parent's own tokens come before.</summary>
        public readonly int At = at;
        public readonly ReadOnlyMemory<int> Ids = ids;
        public readonly KeyValueSegment? Segment = segment;
        public readonly Dictionary<(int At, int Token), Node> Children = [];
        public LinkedListNode<Node>? Place;
        public long Tick;
    }

    /// <summary>Bytes in use.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Bytes at most.</summary>
    public long Capacity => capacity;

    /// <summary>Tokens that were asked for and found.</summary>
    public long FoundTokens { get; private set; }

    /// <summary>Nodes that went to make room.</summary>
    public long Evicted { get; private set; }

    /// <summary>Starts a batch: what it finds or adds stays until the next one starts. What an earlier one left unfilled goes.</summary>
    public void Begin()
    {
        Abandon();
        _tick++;
    }

    /// <summary>The longest beginning of <paramref name="ids"/> that is known, at most <paramref name="most"/> tokens; null for none.</summary>
    /// <param name="ids">Tokens.</param>
    /// <param name="most">Tokens at most.</param>
    /// <param name="layers">Blocks 0..layers - 1 are asked for.</param>
    public KeyValuePrefix? Find(ReadOnlySpan<int> ids, int most, int layers)
    {
        if (_recent.Count == 0) return null;
        var (node, within, length) = Descend(ids[..most], layers);
        Touch(node);
        if (length == 0) return null;
        FoundTokens += length;
        var pieces = new List<KeyValueRows>();
        for (int rows = within; node?.Segment is { } segment; rows = node.At, node = node.Parent)
            pieces.Add(new KeyValueRows(segment, 0, rows));
        pieces.Reverse();
        return new KeyValuePrefix(pieces);
    }

    /// <summary>Makes room for the tokens of a text that are not there yet; the pass that runs must fill it, or <see cref="Abandon"/> be called.</summary>
    /// <param name="ids">The text.</param>
    /// <param name="layers">Blocks that the pass runs.</param>
    /// <returns>Where its keys and values go and from which position on; null where all is known, or where there is no room.</returns>
    public (KeyValueSegment Segment, int From)? Add(ReadOnlyMemory<int> ids, int layers)
    {
        if (capacity <= 0) return null;
        var (node, within, length) = Descend(ids.Span, layers);
        Touch(node);
        int count = ids.Length - length;
        long bytes = KeyValueSegment.BytesPerToken(config, layers) * count;
        if (count == 0 || !MakeRoom(bytes)) return null;
        KeyValueSegment segment;
        try
        {
            segment = new KeyValueSegment(backend, config, layers, count, Freed);
        }
        catch (BackendException)
        {
            return null; // nothing is lost but time
        }
        _bytes += segment.Bytes;
        // A copy: the ids are the caller's.
        var added = new Node(node, within, ids[length..].ToArray(), segment);
        node.Children.Add((within, ids.Span[length]), added);
        added.Place = _recent.AddFirst(added);
        Touch(added);
        _unfilled.Add(added);
        return (segment, length);
    }

    /// <summary>What was added since <see cref="Begin"/> is filled.</summary>
    public void Commit() => _unfilled.Clear();

    /// <summary>What was added since <see cref="Begin"/> will not be filled.</summary>
    public void Abandon()
    {
        for (int i = _unfilled.Count - 1; i >= 0; i--) Remove(_unfilled[i]);
        _unfilled.Clear();
    }

    /// <summary>Forgets everything that no session holds.</summary>
    public void Clear()
    {
        while (_recent.Last is { } last) Remove(last.Value);
        _roots.Clear();
        _unfilled.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    /// <summary>Follows the tokens: the node that the last of them lies in, how many of its own tokens they cover, and how many they are in all.</summary>
    private (Node Node, int Within, int Length) Descend(ReadOnlySpan<int> ids, int layers)
    {
        if (!_roots.TryGetValue(layers, out var node)) _roots[layers] = node = new Node(null, 0, default, null);
        int within = 0, length = 0;
        while (length < ids.Length && node.Children.TryGetValue((within, ids[length]), out var child))
        {
            node = child;
            within = child.Ids.Span.CommonPrefixLength(ids[length..]);
            length += within;
        }
        return (node, within, length);
    }

    /// <summary>Marks a node and what it grows from as just used: the leaf first, so that a parent stays before its children.</summary>
    private void Touch(Node? node)
    {
        for (; node?.Place is { } place; node = node.Parent)
        {
            node.Tick = _tick;
            _recent.Remove(place);
            _recent.AddFirst(place);
        }
    }

    /// <summary>Lets nodes go until the bytes fit; none where they would not fit even then.</summary>
    private bool MakeRoom(long bytes)
    {
        long over = _bytes + bytes - capacity;
        if (over <= 0) return true;
        int count = 0; // of nodes, from the last one on
        long freed = 0;
        for (var place = _recent.Last; freed < over; place = place.Previous, count++)
        {
            // What this batch uses stands before all others.
            if (place is null || place.Value.Tick == _tick) return false;
            freed += FreedBy(place.Value);
        }
        for (var place = _recent.Last!; count > 0; count--)
        {
            var (node, previous) = (place.Value, place.Previous!);
            // The last one is a leaf, and so is what has held leaves alone behind it: whoever used a node used its parents after it.
            if (FreedBy(node) > 0)
            {
                Remove(node);
                Evicted++;
            }
            place = previous;
        }
        return true;
    }

    /// <summary>What comes free with a node: nothing while a session holds its rows, and then those of all that it grows from.</summary>
    private static long FreedBy(Node node) => node.Segment is { References: 1 } segment ? segment.Bytes : 0;

    private void Remove(Node node)
    {
        node.Parent!.Children.Remove((node.At, node.Ids.Span[0]));
        _recent.Remove(node.Place!);
        node.Place = null;
        node.Segment!.Release();
    }

    private void Freed(long bytes) => _bytes -= bytes;
}
