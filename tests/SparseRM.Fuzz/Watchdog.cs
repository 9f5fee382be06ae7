namespace SparseRM.Fuzz;

/// <summary>Ends the process when one input takes too long; the parent then saves the input.</summary>
internal sealed class Watchdog : IDisposable
{
    /// <summary>Exit code of a process that was ended so.</summary>
    public const int Hung = 4;

    private readonly TimeSpan _limit;
    private readonly Timer _timer;

    /// <summary>Waits for the first input.</summary>
    public Watchdog(TimeSpan limit)
    {
        _limit = limit;
        _timer = new Timer(_ => Environment.Exit(Hung));
    }

    /// <summary>A new input begins.</summary>
    public void Restart() => _timer.Change(_limit, Timeout.InfiniteTimeSpan);

    /// <summary>The last input has ended.</summary>
    public void Stop() => _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();
}
