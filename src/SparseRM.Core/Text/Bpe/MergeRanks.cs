namespace SparseRM.Text.Bpe;

/// <summary>Finds for a byte-level vocabulary the ranks of tokens by which merging gives what its merges give: neighbours merge wherever they spell a
/// ranked token, the lowest first.</summary>
/// <remarks>
/// Merges are taken in their order. Where the parts of each that happens come before it, all pairs of one rank merge before any of the next, so that what stands between
/// two borders which no merge has crossed is what merging that stretch alone gives. Hence of all pairs that spell one token a single one can ever stand
/// there when its turn comes, and a merge of another pair never happens. The walk down the border of a merge's parts tells which it is.
/// </remarks>
internal sealed class MergeRanks
{
    private readonly Dictionary<long, (int Rank, int Id)> _merges;
    private readonly Dictionary<int, Made> _made;

    private MergeRanks(BpeModel model) => (_merges, _made) = (model.Merges, new Dictionary<int, Made>(model.Vocabulary.Count));

    /// <summary>Ids in the order of ranks, or null where no ranks say the same as the merges.</summary>
    public static List<int>? Of(BpeModel model)
    {
        var ranks = new MergeRanks(model);
        var ids = new List<int>(model.Vocabulary.Count);
        for (int b = 0; b < 256; b++)
        {
            if (!model.Vocabulary.TryGetValue($"{ByteAlphabet.CharOf((byte)b)}", out int id)) return null;
            ids.Add(id);
            ranks._made.Add(id, new Made(-1, -1, -1));
        }
        // Merges of parts that no merge has made yet, under each of these parts.
        var unready = new Dictionary<int, List<(int Left, int Right, int Id)>>();
        foreach (var (rank, left, right, id) in ranks.InOrder())
        {
            if (!ranks.IsMade(left) || !ranks.IsMade(right))
            {
                foreach (int part in (ReadOnlySpan<int>)[left, right])
                    if (!ranks.IsMade(part))
                    {
                        if (!unready.TryGetValue(part, out var waiting)) unready.Add(part, waiting = []);
                        waiting.Add((left, right, id));
                    }
                continue;
            }
            if (ranks.IsMade(id) || !ranks.Stands(left, right, rank)) continue;
            ranks._made.Add(id, new Made(rank, left, right));
            ids.Add(id);
            // A merge whose parts come after it can happen out of turn, unless other parts have made its token before.
            if (unready.TryGetValue(id, out var now) && now.Exists(merge => ranks.IsMade(merge.Left) && ranks.IsMade(merge.Right) && !ranks.IsMade(merge.Id)))
                return null;
        }
        return ids;
    }

    private bool IsMade(int id) => _made.ContainsKey(id);

    private (int Rank, int Left, int Right, int Id)[] InOrder()
    {
        var merges = new (int Rank, int Left, int Right, int Id)[_merges.Count];
        int count = 0, last = -1;
        bool isOrdered = true;
        foreach (var (pair, merge) in _merges)
        {
            merges[count++] = (merge.Rank, (int)(pair >> 32), (int)pair, merge.Id);
            isOrdered &= last < merge.Rank;
            last = merge.Rank;
        }
        if (!isOrdered) Array.Sort(merges, static (a, b) => a.Rank.CompareTo(b.Rank));
        return merges;
    }

    // Whether the two still stand side by side when all merges before the rank are done: undoes the later of the two borders' merges step by step.
    private bool Stands(int left, int right, int rank)
    {
        int limit = rank;
        while (true)
        {
            if (_merges.TryGetValue(BpeModel.Key(left, right), out var merge) && merge.Rank < limit) return false;
            var (madeLeft, madeRight) = (_made[left], _made[right]);
            // Of one rank, the pair further to the left merges first.
            if (madeRight.Rank >= 0 && madeRight.Rank >= madeLeft.Rank) (right, limit) = (madeRight.Left, madeRight.Rank + 1);
            else if (madeLeft.Rank >= 0) (left, limit) = (madeLeft.Right, madeLeft.Rank);
            else return true;
        }
    }

    private readonly record struct Made(int Rank, int Left, int Right);
}
