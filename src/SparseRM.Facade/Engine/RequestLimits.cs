namespace SparseRM.Engine;

/// <summary>What ends requests of one call before their results: a deadline, and a caller who gives up. Nothing does once this is disposed.</summary>
internal readonly struct RequestLimits : IDisposable
{
    // What a timer takes.
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(40);
    private readonly Timer? _timer;
    private readonly CancellationTokenRegistration _registration;

    /// <summary>Begins to wait for them.</summary>
    /// <param name="engine">Where the requests wait.</param>
    /// <param name="requests">The call's.</param>
    /// <param name="deadline">From <see cref="Checked"/>.</param>
    /// <param name="cancel">The caller's.</param>
    public RequestLimits(ForwardEngine engine, ForwardRequest[] requests, TimeSpan? deadline, CancellationToken cancel)
    {
        if (cancel.CanBeCanceled)
        {
            _registration = cancel.UnsafeRegister(static (state, token) =>
            {
                var (engine, requests) = ((ForwardEngine, ForwardRequest[]))state!;
                Withdraw(engine, requests, new OperationCanceledException(token));
            }, (engine, requests));
        }
        if (deadline is not { } time) return;
        _timer = new Timer(static state =>
        {
            var (engine, requests, time) = ((ForwardEngine, ForwardRequest[], TimeSpan))state!;
            Withdraw(engine, requests, new DeadlineException(time));
        }, (engine, requests, time), time, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A deadline that a timer can wait for; null where there is none, or one so far away that it never comes.</summary>
    /// <exception cref="DeadlineException">It is over already.</exception>
    public static TimeSpan? Checked(TimeSpan? deadline) =>
        deadline <= TimeSpan.Zero ? throw new DeadlineException(deadline.Value) : deadline > s_longest ? null : deadline;

    /// <inheritdoc/>
    public void Dispose()
    {
        _registration.Dispose();
        _timer?.Dispose();
    }

    private static void Withdraw(ForwardEngine engine, ForwardRequest[] requests, Exception error)
    {
        foreach (var request in requests) engine.Withdraw(request, error);
    }
}
