using System.Runtime.ExceptionServices;

namespace SparseRM.Benchmarking;

/// <summary>Threads that are there before the clock starts: each takes the next number, calls, and comes back for another.</summary>
public sealed class Callers : IDisposable
{
    private readonly Thread[] _threads;
    private readonly Barrier _barrier;
    private ExceptionDispatchInfo? _error;
    private int _next, _end;

    /// <summary>Starts them.</summary>
    /// <param name="count">How many.</param>
    /// <param name="call">What each does with its number.</param>
    public Callers(int count, Action<int> call)
    {
        _barrier = new Barrier(count + 1);
        _threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(() => Work(call)) { IsBackground = true })];
        foreach (var thread in _threads) thread.Start();
    }

    /// <summary>Has them make the calls 0..calls - 1, and waits for the last; throws what one of them threw.</summary>
    public void Run(int calls)
    {
        (_next, _end, _error) = (-1, calls, null);
        _barrier.SignalAndWait();
        _barrier.SignalAndWait();
        _error?.Throw();
    }

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        _end = -1;
        _barrier.SignalAndWait();
        foreach (var thread in _threads) thread.Join();
        _barrier.Dispose();
    }

    private void Work(Action<int> call)
    {
        while (true)
        {
            _barrier.SignalAndWait();
            if (_end < 0) return;
            try
            {
                for (int i; _error is null && (i = Interlocked.Increment(ref _next)) < _end;) call(i);
            }
            catch (Exception error)
            {
                _error = ExceptionDispatchInfo.Capture(error);
            }
            _barrier.SignalAndWait();
        }
    }
}
