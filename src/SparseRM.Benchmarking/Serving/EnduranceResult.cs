namespace SparseRM.Benchmarking.Serving;

/// <summary>What became of the requests of one sort of client.</summary>
/// <param name="Sort">What these clients do.</param>
/// <param name="Clients">How many there were.</param>
/// <param name="Requests">Requests that they sent.</param>
/// <param name="Right">Answers with the library's bits.</param>
/// <param name="Wrong">Answers with others.</param>
/// <param name="Lost">Requests whose clients waited and got no score.</param>
/// <param name="Left">Requests whose clients went away on purpose.</param>
public sealed record EnduranceCounts(string Sort, int Clients, long Requests, long Right, long Wrong, long Lost, long Left);

/// <summary>A long load with clients that are slow, that go away, and that close their half.</summary>
/// <param name="Seconds">How long it lasted.</param>
/// <param name="Counts">By sort of client.</param>
/// <param name="Memory">The server's resident memory in MiB, the mean of each whole minute.</param>
/// <param name="FirstLost">What the first lost request met, or null.</param>
public sealed record EnduranceResult(double Seconds, IReadOnlyList<EnduranceCounts> Counts, IReadOnlyList<double> Memory, string? FirstLost)
{
    /// <summary>Requests that got no score.</summary>
    public long Lost => Counts.Sum(count => count.Lost);

    /// <summary>Answers that were not the library's.</summary>
    public long Wrong => Counts.Sum(count => count.Wrong);

    /// <summary>The last minute's memory over the second minute's; null where there are fewer than three.</summary>
    public double? Growth => Memory.Count >= 3 ? Memory[^1] / Memory[1] : null;
}
