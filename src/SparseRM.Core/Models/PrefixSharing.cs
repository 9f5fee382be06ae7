namespace SparseRM.Models;

/// <summary>Chooses which sequences lean on which: groups of the sorted sequences around a leader, so that the fewest tokens are computed.</summary>
internal static class PrefixSharing
{
    /// <summary>No sharing.</summary>
    public static (int[] Order, int[] Leaders, int[] Prefixes) None(int count) =>
        ([.. Enumerable.Range(0, count)], [.. Enumerable.Range(0, count)], new int[count]);

    /// <summary>Order of packing, leader of each sequence (itself for leaders) and tokens that it shares with its leader.</summary>
    /// <remarks>
    /// In sorted order the common prefix of i and j is the least common prefix of neighbours between them. best[i] = most tokens saved among the
    /// first i sequences = max over the first member a of the last group of best[a] + sum of lcp(a, j). Quadratic in the number of sequences of
    /// one run, which is small beside its matrix products.
    /// </remarks>
    public static (int[] Order, int[] Leaders, int[] Prefixes) Plan(IReadOnlyList<TokenSequence> sequences)
    {
        int n = sequences.Count;
        int[] order = [.. Enumerable.Range(0, n)];
        // Descending, so that a sequence comes before those that it begins with and can lead them.
        Array.Sort(order, (a, b) => sequences[b].Ids.Span.SequenceCompareTo(sequences[a].Ids.Span) is var c and not 0 ? c : a.CompareTo(b));
        var common = new int[n]; // with the sequence before, in sorted order
        for (int i = 1; i < n; i++) common[i] = sequences[order[i - 1]].Ids.Span.CommonPrefixLength(sequences[order[i]].Ids.Span);

        var best = new long[n + 1];
        var groupStart = new int[n + 1];
        Array.Fill(best, -1);
        best[0] = 0;
        for (int a = 0; a < n; a++)
        {
            long saved = best[a];
            int shared = int.MaxValue;
            for (int end = a + 1; end <= n; end++)
            {
                if (end - 1 > a)
                {
                    shared = Math.Min(shared, common[end - 1]);
                    saved += shared;
                }
                if (saved > best[end]) (best[end], groupStart[end]) = (saved, a);
                if (shared == 0) break;
            }
        }

        var leaders = new int[n];
        var prefixes = new int[n];
        for (int end = n; end > 0; end = groupStart[end])
        {
            int start = groupStart[end], shared = int.MaxValue;
            leaders[order[start]] = order[start];
            for (int i = start + 1; i < end; i++)
            {
                shared = Math.Min(shared, common[i]);
                (leaders[order[i]], prefixes[order[i]]) = (order[start], shared);
            }
        }
        return (order, leaders, prefixes);
    }
}
