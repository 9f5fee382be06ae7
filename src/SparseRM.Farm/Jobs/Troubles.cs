namespace SparseRM.Farm.Jobs;

/// <summary>What keeps workers from a job, and whether it keeps all of them. Single-threaded; time is given to it.</summary>
/// <param name="patience">How long a job may stand still before it is given up.</param>
/// <param name="now">The time.</param>
internal sealed class Troubles(TimeSpan patience, DateTime now)
{
    /// <summary>A worker that failed so often without a part between can do nothing of the job.</summary>
    public const int EnoughFailures = 5;

    private const string Coordinator = "coordinator";
    private readonly SortedDictionary<string, string> _problems = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _failures = [];
    private DateTime _moved = now;
    private string? _last;

    /// <summary>The last problem of each worker, as sentences.</summary>
    public string[] All => [.. _problems.Select(pair => $"{pair.Key}: {pair.Value}")];

    /// <summary>A worker computes by other means than the job.</summary>
    public void Refused(string worker, string problem) => Add(worker, problem, EnoughFailures);

    /// <summary>A worker could not do a lease.</summary>
    public void Failed(string worker, string problem) => Add(worker, problem, _failures.GetValueOrDefault(worker) + 1);

    /// <summary>A worker computes by the job's means.</summary>
    public void Joined(string worker)
    {
        if (_failures.GetValueOrDefault(worker) == 0) _problems.Remove(worker);
    }

    /// <summary>A worker's part was accepted.</summary>
    public void Done(string worker, DateTime now)
    {
        _problems.Remove(worker);
        _failures.Remove(worker);
        _moved = now;
    }

    /// <summary>The coordinator cannot name parts; null: it can.</summary>
    public void OfCoordinator(string? problem)
    {
        if (problem is null) _problems.Remove(Coordinator);
        else _problems[Coordinator] = problem;
    }

    /// <summary>Why the job is given up: for long no part came, and each of the workers that there are can do nothing of it; null where it is not.</summary>
    /// <param name="now">The time.</param>
    /// <param name="silos">All that are alive, as they stand in workers' names behind the <c>@</c>.</param>
    public string? Hopeless(DateTime now, IEnumerable<string> silos)
    {
        if (now - _moved < patience || _last is null) return null;
        return silos.All(silo => _failures.Any(pair => pair.Value >= EnoughFailures && pair.Key.EndsWith("@" + silo, StringComparison.Ordinal)))
            ? $"no silo of the farm could do any of its rows for {patience.TotalSeconds:0} s; the last problem: {_last}" : null;
    }

    private void Add(string worker, string problem, int failures)
    {
        (_problems[worker], _failures[worker]) = (problem, failures);
        _last = $"{worker} {problem}";
    }
}
