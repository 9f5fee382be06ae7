using SparseRM.Text;
using SparseRM.Text.Bpe;

namespace SparseRM.Core.Tests.Text;

/// <summary>Texts whose blanks begin tokens are merged word by word, with the tokens of merging all at once.</summary>
public class WordMergeTests
{
    private const int Unknown = 0;
    private static readonly string[] s_apart = ["?", "▁", "a", "b", "▁▁", "▁▁▁▁", "ab", "▁a", "▁▁a", "▁ab", "ba"];

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, true, true)]
    public void Words_have_the_tokens_of_the_whole_text(bool hasCrossing, bool takesWhole, bool hasBytes)
    {
        // The last is a token with a blank inside, behind which nothing may be cut.
        var model = Model(hasCrossing ? [.. s_apart, "a▁", "a▁b"] : s_apart, takesWhole, hasBytes);
        Assert.Equal(!hasCrossing, model.WordsAreApart);
        var random = new Random(5);
        var lengths = new HashSet<int>();
        for (int trial = 0; trial < 2000; trial++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 90)).Select(_ => "▁▁▁aaabbbcc"[random.Next(11)]));
            var tokens = new List<TokenRange>();
            model.Encode(AlignedText.Of(text, 0, text.Length), 0, text.Length, tokens);
            Assert.Equal(Whole(model, text), tokens.Select(token => (token.Id, token.Start, token.End)));
            lengths.Add(tokens.Count);
        }
        Assert.True(lengths.Count > 20);
    }

    [Fact]
    public void Unknown_characters_on_both_sides_of_a_word_s_beginning_are_one_token()
    {
        var model = Model(["?", "a"]); // the blank itself is unknown
        var tokens = new List<TokenRange>();
        model.Encode(AlignedText.Of("ac▁▁ca", 0, 6), 0, 6, tokens);
        Assert.Equal([(1, 0, 1), (Unknown, 1, 5), (1, 5, 6)], tokens.Select(token => (token.Id, token.Start, token.End)));
    }

    // All symbols at once: unknown neighbours are one token, or the tokens of their bytes.
    private static IEnumerable<(int Id, int Start, int End)> Whole(BpeModel model, string text)
    {
        if (model.WholePiece(text) is { } whole) return [(whole, 0, text.Length)];
        var tokens = new List<(int Id, int Start, int End)>();
        int start = 0;
        bool afterUnknown = false;
        foreach (var (id, end) in model.Parts(text))
        {
            if (id < 0 && model.ByteIds is { } ids) tokens.AddRange(System.Text.Encoding.UTF8.GetBytes(text[start..end]).Select(b => (ids[b], start, end)));
            else if (id < 0 && afterUnknown) tokens[^1] = tokens[^1] with { End = end };
            else tokens.Add((id < 0 ? Unknown : id, start, end));
            (start, afterUnknown) = (end, id < 0);
        }
        return tokens;
    }

    private static BpeModel Model(string[] pieces, bool takesWhole = false, bool hasBytes = false)
    {
        var vocabulary = pieces.Select((piece, id) => (piece, id)).ToDictionary(entry => entry.piece, entry => entry.id);
        var merges = BpeModel.NewMerges();
        foreach (string piece in pieces.Where(piece => piece.Length > 1))
            for (int cut = 1; cut < piece.Length; cut++)
                if (vocabulary.TryGetValue(piece[..cut], out int left) && vocabulary.TryGetValue(piece[cut..], out int right))
                    merges.TryAdd(BpeModel.Key(left, right), (merges.Count * 7 % 11, vocabulary[piece]));
        return new BpeModel(vocabulary, new(() => merges))
        {
            UnknownId = Unknown, FusesUnknown = true, Special = [], TakesWholePieces = takesWhole, ByteIds = hasBytes ? [.. Enumerable.Range(1000, 256)] : null,
        };
    }
}
