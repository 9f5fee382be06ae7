using SparseRM.Errors;

namespace SparseRM.Text.Bpe;

/// <summary>The merges of vocabularies that list no merges: two pieces merge where they spell a third, whose rank counts.</summary>
internal static class PieceMerges
{
    private const int MaxMerges = 1 << 22;

    /// <summary>All merges that make one of <paramref name="results"/> from two pieces of <paramref name="vocabulary"/>.</summary>
    /// <remarks>Time grows with the characters of the pieces and the number of merges, not with the square of a piece's length.</remarks>
    /// <exception cref="ModelFormatException">There are more merges than any vocabulary of use has.</exception>
    public static Dictionary<long, (int Rank, int Id)> Of(
        Dictionary<string, int> vocabulary, IEnumerable<(string Piece, int Id, int Rank)> results, string path)
    {
        var beginnings = new TokenSet(vocabulary.Select(entry => (entry.Key, entry.Value)));
        var endings = new TokenSet(vocabulary.Select(entry => (Reversed(entry.Key), entry.Value)));
        var merges = BpeModel.NewMerges();
        var lefts = new List<(int Length, int Id)>();
        var rights = new List<(int Length, int Id)>();
        foreach (var (piece, id, rank) in results)
        {
            if (piece.Length < 2) continue;
            lefts.Clear();
            rights.Clear();
            beginnings.Match(piece, lefts);
            endings.Match(Reversed(piece), rights);
            // Lengths ascend in both lists: from the longest right part on, the left part that fits it grows.
            int left = 0;
            for (int right = rights.Count - 1; right >= 0; right--)
            {
                int wanted = piece.Length - rights[right].Length;
                while (left < lefts.Count && lefts[left].Length < wanted) left++;
                if (left < lefts.Count && lefts[left].Length == wanted)
                    merges.TryAdd(BpeModel.Key(lefts[left].Id, rights[right].Id), (rank, id));
            }
            if (merges.Count > MaxMerges)
                throw new ModelFormatException(path, $"its pieces spell each other in more than {MaxMerges} ways, which is not supported");
        }
        return merges;
    }

    private static string Reversed(string text) => string.Create(text.Length, text, static (reversed, text) =>
    {
        text.CopyTo(reversed);
        reversed.Reverse();
    });
}
