using System.Diagnostics;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Serving;

/// <summary>Results that a client submits for and fetches later. Bounded: where too many are kept, the oldest finished one goes. Thread-safe.</summary>
internal sealed class PendingResults(int capacity)
{
    private readonly Dictionary<string, PendingResult> _results = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private static readonly TimeSpan s_recent = TimeSpan.FromMinutes(2);

    /// <summary>Begins a result and keeps it; where there is no place for it, it is not begun.</summary>
    /// <param name="begin">Begins it, without waiting for it.</param>
    /// <exception cref="Fault">All that are kept are still on their way.</exception>
    public PendingResult Add(Func<Task<PendingScore>> begin)
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

    /// <summary>Results that clients are likely to come for: those of the last two minutes that nobody has fetched.</summary>
    public int Unfetched
    {
        get
        {
            lock (_results) return _results.Values.Count(result => !result.IsFetched && Stopwatch.GetElapsedTime(result.Began) < s_recent);
        }
    }

    /// <summary>Waits until clients have fetched their results, or the time is over.</summary>
    public async Task FetchedAsync(TimeSpan limit)
    {
        long began = Stopwatch.GetTimestamp();
        while (Unfetched > 0 && Stopwatch.GetElapsedTime(began) < limit) await Task.Delay(50).ConfigureAwait(false);
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
/// <param name="Score">The score, when it is there.</param>
internal sealed record PendingResult(string Id, DateTimeOffset Start, Task<PendingScore> Score)
{
    /// <summary>Whether the client has asked for it since it was there.</summary>
    public bool IsFetched { get; set; }

    /// <summary>Timestamp of its beginning.</summary>
    public long Began { get; } = Stopwatch.GetTimestamp();

    /// <summary>When it was done: its start and what passed since, so that it is never before its start, wherever the clock jumps.</summary>
    public Task<DateTimeOffset> End { get; } = EndOf(Start, Score);

    private static Task<DateTimeOffset> EndOf(DateTimeOffset start, Task score)
    {
        long began = Stopwatch.GetTimestamp();
        return score.ContinueWith(_ => start + Stopwatch.GetElapsedTime(began), TaskScheduler.Default);
    }
}

/// <summary>What is kept of a score until it is fetched: no text.</summary>
internal readonly record struct PendingScore(float Score, int Tokens, string Model);
