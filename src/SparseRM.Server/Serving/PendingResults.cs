using System.Diagnostics;
using SparseRM.Server.Http;

namespace SparseRM.Server.Serving;

/// <summary>Results that a client submits for and fetches later. Bounded: where too many are kept, the oldest finished one goes. Thread-safe.</summary>
internal sealed class PendingResults(int capacity)
{
    private readonly Dictionary<string, PendingResult> _results = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();

    /// <summary>Begins a result and keeps it; where there is no place for it, it is not begun.</summary>
    /// <param name="begin">Begins it, without waiting for it.</param>
    /// <exception cref="Fault">All that are kept are still on their way.</exception>
    public PendingResult Add(Func<Task<ScoreAnswer>> begin)
    {
        lock (_results)
        {
            for (int tries = _order.Count; _results.Count >= capacity && tries > 0; tries--)
            {
                string oldest = _order.Dequeue();
                if (_results.TryGetValue(oldest, out var kept) && !kept.Score.IsCompleted) _order.Enqueue(oldest);
                else _results.Remove(oldest);
            }
            if (_results.Count >= capacity) throw new Fault(FaultKind.Full, $"{capacity} results are on their way; fetch those first, or try again later");
            var result = new PendingResult(Guid.NewGuid().ToString("N"), DateTimeOffset.UtcNow, begin());
            _results.Add(result.Id, result);
            _order.Enqueue(result.Id);
            return result;
        }
    }

    /// <summary>The result of an id.</summary>
    /// <exception cref="Fault">There is none.</exception>
    public PendingResult Find(string id)
    {
        lock (_results)
        {
            return _results.TryGetValue(id, out var result)
                ? result : throw new Fault(FaultKind.NoResult, $"there is no result '{id}' (results are kept in memory, the last {capacity})", "reward_request_id");
        }
    }
}

/// <summary>A result that is fetched later.</summary>
/// <param name="Id">What the client calls it.</param>
/// <param name="Start">When it was submitted.</param>
/// <param name="Score">The scores, when they are there.</param>
internal sealed record PendingResult(string Id, DateTimeOffset Start, Task<ScoreAnswer> Score)
{
    /// <summary>When it was done: its start and what passed since, so that it is never before its start, wherever the clock jumps.</summary>
    public Task<DateTimeOffset> End { get; } = EndOf(Start, Score);

    private static Task<DateTimeOffset> EndOf(DateTimeOffset start, Task score)
    {
        long began = Stopwatch.GetTimestamp();
        return score.ContinueWith(_ => start + Stopwatch.GetElapsedTime(began), TaskScheduler.Default);
    }
}
