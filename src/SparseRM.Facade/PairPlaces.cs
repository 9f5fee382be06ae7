namespace SparseRM;

/// <summary>Where a completion stands.</summary>
/// <param name="Pair">Number of the pair.</param>
/// <param name="IsChosen">On which side of it.</param>
internal readonly record struct PairPlace(int Pair, bool IsChosen);

/// <summary>In which pairs each completion stands: what is read once for a completion goes to all of them.</summary>
internal sealed class PairPlaces
{
    private readonly int[] _ends;
    private readonly PairPlace[] _places;

    /// <summary>Sorts the sides of the pairs by completion.</summary>
    /// <param name="pairs">Completions of both sides.</param>
    /// <param name="completions">Number of completions.</param>
    public PairPlaces(IReadOnlyList<(int Chosen, int Rejected, int Item)> pairs, int completions)
    {
        (_ends, _places) = (new int[completions + 1], new PairPlace[2 * pairs.Count]);
        foreach (var (chosen, rejected, _) in pairs)
        {
            _ends[chosen + 1]++;
            _ends[rejected + 1]++;
        }
        Rows = [.. Enumerable.Range(0, completions).Where(row => _ends[row + 1] > 0)];
        for (int row = 0; row < completions; row++) _ends[row + 1] += _ends[row];
        // Filling a row moves its start to its end, which is the next row's start: from then on _ends[row] is the end of row.
        for (int pair = 0; pair < pairs.Count; pair++)
        {
            _places[_ends[pairs[pair].Chosen]++] = new(pair, true);
            _places[_ends[pairs[pair].Rejected]++] = new(pair, false);
        }
    }

    /// <summary>The completions that are in a pair.</summary>
    public IReadOnlyList<int> Rows { get; }

    /// <summary>Where a completion stands.</summary>
    public ReadOnlySpan<PairPlace> this[int row] => _places.AsSpan()[(row == 0 ? 0 : _ends[row - 1]).._ends[row]];

    /// <summary>How often a completion stands on either side.</summary>
    public (int Chosen, int Rejected) Times(int row)
    {
        int chosen = 0;
        foreach (var place in this[row]) chosen += place.IsChosen ? 1 : 0;
        return (chosen, this[row].Length - chosen);
    }
}
