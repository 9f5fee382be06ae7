using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>Which pairs are trained on and which are kept apart; the pairs of one group (one prompt) are always on the same side.</summary>
/// <param name="Training">Ids of the pairs to train on, ascending.</param>
/// <param name="HeldOutPairs">Ids of the others, ascending.</param>
public sealed record PairSplit(int[] Training, int[] HeldOutPairs)
{
    /// <summary>Holds out about <paramref name="fraction"/> of <paramref name="count"/> pairs, whole groups in random order, at least one group staying to train on.</summary>
    /// <param name="count">Number of pairs.</param>
    /// <param name="groups">Key of each pair's group, or null: every pair by itself.</param>
    /// <param name="fraction">In [0, 1); a share of less than half a pair holds nothing out.</param>
    /// <param name="seed">Decides which groups.</param>
    public static PairSplit HeldOut(int count, IReadOnlyList<string>? groups, double fraction, long seed)
    {
        var members = Shuffled(count, groups, seed);
        int wanted = (int)Math.Round(fraction * count, MidpointRounding.AwayFromZero);
        var heldOut = new List<int>();
        for (int group = 0; group < members.Count - 1 && heldOut.Count < wanted; group++) heldOut.AddRange(members[group]);
        return Without(count, heldOut);
    }

    /// <summary>Cross-validation: every pair is held out in exactly one of the <paramref name="folds"/> splits, which are about equal in size.</summary>
    /// <exception cref="SparseRMException">Fewer than 2 folds, or more folds than groups.</exception>
    public static IReadOnlyList<PairSplit> Folds(int count, IReadOnlyList<string>? groups, int folds, long seed)
    {
        if (folds < 2) throw new SparseRMException($"{folds} folds cannot be; use at least 2.");
        var members = Shuffled(count, groups, seed);
        if (members.Count < folds) throw new SparseRMException($"{folds} folds need as many groups of pairs, but there are {members.Count}; use fewer folds.");
        var parts = Enumerable.Range(0, folds).Select(_ => new List<int>()).ToArray();
        // Each group goes to the smallest fold so far; large groups first, so that the folds end up even.
        foreach (var group in members.OrderByDescending(group => group.Count)) parts.MinBy(part => part.Count)!.AddRange(group);
        return [.. parts.Select(part => Without(count, part))];
    }

    private static List<List<int>> Shuffled(int count, IReadOnlyList<string>? groups, long seed)
    {
        if (groups is not null && groups.Count != count) throw new ArgumentException($"{groups.Count} group keys for {count} pairs", nameof(groups));
        var members = new List<List<int>>();
        var byKey = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        for (int pair = 0; pair < count; pair++)
        {
            List<int>? group = null;
            if (groups is not null && !byKey.TryGetValue(groups[pair], out group)) byKey[groups[pair]] = group = [];
            group ??= [];
            if (group.Count == 0) members.Add(group);
            group.Add(pair);
        }
        new SeededRandom(seed).Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(members));
        return members;
    }

    private static PairSplit Without(int count, List<int> heldOut)
    {
        var apart = heldOut.ToHashSet();
        return new PairSplit([.. Enumerable.Range(0, count).Where(pair => !apart.Contains(pair))], [.. heldOut.Order()]);
    }
}
