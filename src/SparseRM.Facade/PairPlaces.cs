namespace SparseRM;

/// <summary>In which pairs, and on which side, each completion stands: what is read once for a completion goes to all of them.</summary>
internal sealed class PairPlaces
{
    private readonly ILookup<int, (int Pair, bool IsChosen)> _places;

    public PairPlaces(IReadOnlyList<(int Chosen, int Rejected, int Item)> pairs)
    {
        _places = pairs.SelectMany((pair, i) => new[] { (pair.Chosen, i, true), (pair.Rejected, i, false) })
            .ToLookup(place => place.Item1, place => (place.Item2, place.Item3));
        Rows = [.. _places.Select(places => places.Key)];
    }

    /// <summary>The completions that are in a pair.</summary>
    public IReadOnlyList<int> Rows { get; }

    /// <summary>Where a completion stands.</summary>
    public IEnumerable<(int Pair, bool IsChosen)> this[int row] => _places[row];
}
