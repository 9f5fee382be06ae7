namespace SparseRM.Text.Bpe;

/// <summary>Finds special tokens in text: at each position the longest, the leftmost first.</summary>
internal sealed class MarkFinder
{
    private readonly TokenTrie _trie = new();
    private readonly Dictionary<int, AddedToken> _tokens = [];

    /// <summary>Takes the tokens to find.</summary>
    public MarkFinder(IEnumerable<AddedToken> tokens)
    {
        foreach (var token in tokens)
        {
            _trie.Add(token.Content, token.Id);
            _tokens[token.Id] = token;
        }
    }

    /// <summary>Appends the marks of <paramref name="text"/>[<paramref name="start"/>..<paramref name="end"/>] in order, with the blanks
    /// that they swallow.</summary>
    public void Find(string text, int start, int end, List<TokenRange> marks)
    {
        if (_trie.IsEmpty) return;
        int free = start;
        for (int at = start; at < end;)
        {
            if (!_trie.TryMatch(text, at, end, out int id, out int length))
            {
                at++;
                continue;
            }
            int from = at, to = at + length;
            if (_tokens[id].LeftStrip)
                while (from > free && char.IsWhiteSpace(text[from - 1])) from--;
            if (_tokens[id].RightStrip)
                while (to < end && char.IsWhiteSpace(text[to])) to++;
            marks.Add(new TokenRange(id, from, to));
            at = free = to;
        }
    }
}
