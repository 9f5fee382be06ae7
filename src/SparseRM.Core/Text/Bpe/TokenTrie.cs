namespace SparseRM.Text.Bpe;

/// <summary>Finds the longest of a set of token texts that begins at a position.</summary>
internal sealed class TokenTrie
{
    private readonly Node _root = new();

    /// <summary>Whether no token is in the set.</summary>
    public bool IsEmpty => _root.Children is null;

    /// <summary>Adds a token's text.</summary>
    public void Add(string text, int id)
    {
        var node = _root;
        foreach (char c in text)
        {
            node.Children ??= [];
            if (!node.Children.TryGetValue(c, out var next)) node.Children.Add(c, next = new Node());
            node = next;
        }
        node.Id = id;
    }

    /// <summary>The longest token that begins at <paramref name="start"/> and ends at or before <paramref name="end"/>; false when there is
    /// none.</summary>
    public bool TryMatch(ReadOnlySpan<char> text, int start, int end, out int id, out int length)
    {
        (id, length) = (-1, 0);
        var node = _root;
        for (int i = start; i < end && node.Children is not null && node.Children.TryGetValue(text[i], out var next); i++)
        {
            node = next;
            if (node.Id >= 0) (id, length) = (node.Id, i + 1 - start);
        }
        return length > 0;
    }

    private sealed class Node
    {
        public int Id = -1;
        public Dictionary<char, Node>? Children;
    }
}
