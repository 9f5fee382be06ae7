using System.Runtime.ExceptionServices;
using SparseRM.Backends;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>A model on a backend, the queue before it, and the one thread at a time that runs what waits. Thread-safe.</summary>
/// <remarks>
/// A caller who finds the backend free runs his own request on his own thread, so that a program with one caller pays for no other thread; whatever comes while
/// the backend is busy, and all asynchronous calls, are run by the engine's thread. Nothing of a user runs under the lock or while the backend is owned.
/// </remarks>
internal sealed class ForwardEngine : IDisposable
{
    // What a timer takes.
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(40);
    private readonly Lock _gate = new();
    private readonly RequestQueue _queue;
    private readonly Queue<Job> _jobs = [];
    private readonly List<BatchPart> _parts = [];
    private readonly AutoResetEvent _wake = new(false);
    private readonly BatchRun _run;
    private readonly TimeSpan _gatherWait;
    private Thread? _thread;
    private int _owner, _lastRequests = 1; // _owner: the managed thread that owns the backend, 0 for none
    private bool _closed;

    /// <summary>Takes over backend and model.</summary>
    public ForwardEngine(Backend backend, TransformerModel model, BackboneOptions options)
    {
        (Backend, Model) = (backend, model);
        (_queue, _gatherWait) = (new RequestQueue(options.Queue, options.MaxBatchTokens), options.Queue.GatherWait);
        _run = new BatchRun(model, options.PrefixCacheBytes);
    }

    /// <summary>Work that needs the backend and is no forward pass.</summary>
    private sealed class Job(Action action)
    {
        private readonly ManualResetEventSlim _done = new();
        private ExceptionDispatchInfo? _error;

        public void Run()
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                _error = ExceptionDispatchInfo.Capture(error);
            }
            _done.Set();
        }

        public void Refuse(Exception error)
        {
            _error = ExceptionDispatchInfo.Capture(error);
            _done.Set();
        }

        public void Wait()
        {
            _done.Wait();
            _error?.Throw();
        }
    }

    /// <summary>Where the model runs.</summary>
    public Backend Backend { get; }

    /// <summary>Blocks 0..L; blocks are loaded, never unloaded, while it runs.</summary>
    public TransformerModel Model { get; }

    /// <summary>Keys and values of earlier texts; to be used where the backend is owned.</summary>
    public PrefixCache Cache => _run.Cache;

    /// <summary>What went through so far.</summary>
    public EngineCounts Counts
    {
        get
        {
            lock (_gate) return new EngineCounts(_queue.Requests, _queue.Tokens, _run.ComputedTokens, Cache.FoundTokens, Cache.Bytes, Batches, Completed);
        }
    }

    private long Batches { get; set; }

    private long Completed { get; set; }

    /// <summary>Runs a request to its end.</summary>
    /// <param name="request">Not yet queued.</param>
    /// <param name="progress">Told of the sequences done, on this thread, which owns nothing then.</param>
    /// <param name="cancel">Heard while the request waits and between batches.</param>
    public void Run(ForwardRequest request, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        progress?.Report(0);
        if (request.Sequences.Length == 0) return;
        cancel.ThrowIfCancellationRequested();
        bool mine = Enqueue(request, takeIfFree: true);
        using var registration = Register(request, cancel);
        try
        {
            for (int reported = 0; mine || !request.IsCompleted;)
            {
                if (mine)
                {
                    RunBatch();
                    mine = ReleaseOrGoOn(request, goOn: progress is null);
                }
                else
                {
                    request.WaitBeyond(progress is null ? int.MaxValue : reported);
                }
                if (progress is null || mine) continue;
                if (request.Done != reported) progress.Report(reported = request.Done);
                // Also where the batch was of others alone: nobody was woken for what is left of this one.
                mine = TakeIfNext(request);
            }
        }
        catch (Exception error)
        {
            Withdraw(request, error); // the caller's progress threw
            throw;
        }
        request.ThrowIfFailed();
    }

    /// <summary>Queues requests at once, so that those for the same texts share their passes, and runs them to their ends.</summary>
    /// <param name="requests">Not yet queued.</param>
    /// <param name="deadline">How long they may take together; null for as long as it takes.</param>
    /// <param name="cancel">Heard while they wait and between batches.</param>
    public async Task RunTogetherAsync(IReadOnlyList<ForwardRequest> requests, TimeSpan? deadline, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        deadline = Checked(deadline);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
            _queue.Add(requests);
            if (_owner == 0) WakeThread();
        }
        var registrations = requests.Select(request => Register(request, cancel)).ToArray();
        using var timer = Until(deadline, requests);
        try
        {
            foreach (var request in requests) await request.Completion.ConfigureAwait(false);
        }
        finally
        {
            foreach (var registration in registrations) registration.Dispose();
        }
    }

    /// <summary>Queues a request.</summary>
    /// <param name="request">Not yet queued.</param>
    /// <param name="deadline">How long it may take; null for as long as it takes.</param>
    /// <param name="cancel">Heard while the request waits and between batches.</param>
    /// <returns>Ends when the request does.</returns>
    public async Task RunAsync(ForwardRequest request, TimeSpan? deadline, CancellationToken cancel)
    {
        if (request.Sequences.Length == 0) return;
        cancel.ThrowIfCancellationRequested();
        deadline = Checked(deadline);
        Enqueue(request, takeIfFree: false);
        using var registration = Register(request, cancel);
        using var timer = Until(deadline, [request]);
        await request.Completion.ConfigureAwait(false);
    }

    private static TimeSpan? Checked(TimeSpan? deadline) =>
        deadline <= TimeSpan.Zero ? throw new DeadlineException(deadline.Value) : deadline > s_longest ? null : deadline;

    private Timer? Until(TimeSpan? deadline, IReadOnlyList<ForwardRequest> requests) => deadline is not { } time ? null : new Timer(_ =>
    {
        foreach (var request in requests) Withdraw(request, new DeadlineException(time));
    }, null, time, Timeout.InfiniteTimeSpan);

    /// <summary>Runs what needs the backend while nothing else uses it; at once where this thread owns it already.</summary>
    /// <exception cref="ObjectDisposedException">The engine is closed.</exception>
    public void Use(Action action)
    {
        if (Volatile.Read(ref _owner) == Environment.CurrentManagedThreadId)
        {
            action();
            return;
        }
        Job? job = null;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
            if (_owner == 0) _owner = Environment.CurrentManagedThreadId;
            else _jobs.Enqueue(job = new Job(action));
        }
        if (job is not null)
        {
            job.Wait();
            return;
        }
        try
        {
            action();
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Takes a request out of the queue and completes it with an error, unless it is completed already.</summary>
    public void Withdraw(ForwardRequest request, Exception error)
    {
        lock (_gate) _queue.Remove(request);
        request.Complete(error);
    }

    /// <summary>Answers all that waits with "closed", waits for what runs, and frees model and backend.</summary>
    public void Dispose()
    {
        List<ForwardRequest> waiting;
        Job[] jobs;
        lock (_gate)
        {
            if (_closed) return;
            _closed = true;
            waiting = _queue.RemoveAll();
            jobs = [.. _jobs];
            _jobs.Clear();
        }
        foreach (var request in waiting) request.Complete(new ObjectDisposedException(nameof(Backbone)));
        foreach (var job in jobs) job.Refuse(new ObjectDisposedException(nameof(Backbone)));
        _wake.Set();
        SpinWait.SpinUntil(TakeLast);
        if (_thread != Thread.CurrentThread) _thread?.Join();
        _run.Dispose();
        Model.Dispose();
        Backend.Dispose();
        _wake.Dispose();
    }

    private bool TakeLast()
    {
        lock (_gate)
        {
            if (_owner != 0 && _owner != Environment.CurrentManagedThreadId) return false;
            _owner = Environment.CurrentManagedThreadId;
            return true;
        }
    }

    /// <returns>Whether this thread owns the backend now.</returns>
    private bool Enqueue(ForwardRequest request, bool takeIfFree)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
            if (_owner == Environment.CurrentManagedThreadId)
                throw new InvalidOperationException("a forward pass was asked for while the backend is owned by the same thread");
            bool free = _owner == 0 && _queue.Requests == 0 && _jobs.Count == 0;
            _queue.Add(request);
            if (takeIfFree && free)
            {
                _owner = Environment.CurrentManagedThreadId;
                return true;
            }
            if (_owner == 0) WakeThread();
            return false;
        }
    }

    /// <summary>Runs the next batch for whoever owns the backend.</summary>
    private void RunBatch()
    {
        lock (_gate) _queue.Take(_parts);
        if (_parts.Count == 0) return;
        _lastRequests = _parts.Count;
        Batches++;
        foreach (var part in _parts) Completed += part.Count;
        _run.Run(_parts);
        _parts.Clear();
    }

    /// <summary>After a batch: goes on where nobody else waits, else leaves the rest to the engine's thread.</summary>
    private bool ReleaseOrGoOn(ForwardRequest request, bool goOn)
    {
        lock (_gate)
        {
            if (goOn && !request.IsCompleted && request.Waiting > 0 && _queue.Requests == 1 && _jobs.Count == 0 && !_closed) return true;
            // A caller with progress to tell comes back himself.
            Free(wake: _jobs.Count > 0 || _queue.Requests > (request.Waiting > 0 && !goOn ? 1 : 0));
            return false;
        }
    }

    private bool TakeIfNext(ForwardRequest request)
    {
        lock (_gate)
        {
            if (_owner != 0 || request.Waiting == 0 || request.IsCompleted || _closed) return false;
            if (_queue.Requests > 1 || _jobs.Count > 0)
            {
                WakeThread();
                return false;
            }
            _owner = Environment.CurrentManagedThreadId;
            return true;
        }
    }

    private void Release()
    {
        lock (_gate) Free(wake: _jobs.Count > 0 || _queue.Requests > 0);
    }

    private void Free(bool wake)
    {
        _owner = 0;
        if (wake) WakeThread();
    }

    private void WakeThread()
    {
        if (_thread is null)
        {
            var thread = new Thread(RunThread) { IsBackground = true, Name = "sparserm engine" };
            thread.Start();
            _thread = thread;
        }
        _wake.Set();
    }

    private void RunThread()
    {
        while (true)
        {
            _wake.WaitOne();
            while (TakeWork(out var job))
            {
                if (job is not null)
                {
                    job.Run();
                }
                else
                {
                    Gather();
                    RunBatch();
                }
                lock (_gate) _owner = 0;
            }
            lock (_gate)
            {
                if (_closed) return;
            }
        }
    }

    private bool TakeWork(out Job? job)
    {
        lock (_gate)
        {
            job = null;
            if (_owner != 0 || (!_jobs.TryDequeue(out job) && _queue.Requests == 0)) return false;
            _owner = Environment.CurrentManagedThreadId;
            return true;
        }
    }

    /// <summary>Waits a little while fewer requests are there than the last batch served: those callers are about to come back.</summary>
    private void Gather()
    {
        if (_lastRequests <= 1 || _gatherWait <= TimeSpan.Zero) return;
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (Waiting() < _lastRequests && System.Diagnostics.Stopwatch.GetElapsedTime(start) < _gatherWait) Thread.Yield();

        int Waiting()
        {
            lock (_gate) return _queue.Requests;
        }
    }

    private CancellationTokenRegistration Register(ForwardRequest request, CancellationToken cancel) => cancel.UnsafeRegister(
        static (state, token) =>
        {
            var (engine, request) = ((ForwardEngine, ForwardRequest))state!;
            engine.Withdraw(request, new OperationCanceledException(token));
        }, cancel.CanBeCanceled ? (this, request) : null);
}
