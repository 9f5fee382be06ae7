using SparseRM.Backends;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>The queue before a model, its prefix cache, and the batches that are made of what waits. Thread-safe.</summary>
/// <remarks>
/// A caller who finds the backend free runs his own request on his own thread; whatever comes while the backend is busy, and all asynchronous calls, are run
/// by the host's thread. Whoever runs a batch serves all that stands in it.
/// </remarks>
internal sealed class ForwardEngine : IDisposable
{
    private readonly ModelHost _host;
    private readonly RequestQueue _queue;
    private readonly BatchRun _run;
    private readonly BatchTurn _turn;
    private readonly TimeSpan _gatherWait;
    private bool _closed;

    /// <summary>An engine before a model; it is closed before its host.</summary>
    public ForwardEngine(ModelHost host, EngineSettings settings)
    {
        _host = host;
        (_queue, _gatherWait) = (new RequestQueue(settings.Queue, settings.MaxBatchTokens), settings.Queue.GatherWait);
        _run = new BatchRun(host.Model, settings.PrefixCacheBytes, settings.SessionBytes);
        _turn = new BatchTurn(host, _queue, _run, Withdraw);
        host.Add(this);
    }

    /// <summary>Where the model runs.</summary>
    public Backend Backend => _host.Backend;

    /// <summary>Blocks 0..L.</summary>
    public TransformerModel Model => _host.Model;

    /// <summary>Keys and values of earlier texts; to be used within a turn.</summary>
    public PrefixCache Cache => _run.Cache;

    /// <summary>Keys and values of sessions; to be used within a turn.</summary>
    public SessionStore Sessions => _run.Sessions;

    /// <summary>Requests that wait, in whole or in part; under the gate.</summary>
    public int Waiting => _queue.Requests;

    /// <summary>Whether somebody uses the backend.</summary>
    public bool IsBusy
    {
        get
        {
            lock (_host.Gate) return !_host.IsFree;
        }
    }

    /// <summary>What went through so far.</summary>
    public EngineCounts Counts
    {
        get
        {
            lock (_host.Gate)
                return new EngineCounts(_queue.Requests, _queue.Tokens, _run.ComputedTokens, Cache.FoundTokens, Cache.Bytes + Sessions.Bytes, _run.Passes, _run.Sequences);
        }
    }

    /// <summary>Runs a request to its end.</summary>
    /// <param name="request">Not yet queued.</param>
    /// <param name="progress">Told of the sequences done, on this thread, whose turn it is not then.</param>
    /// <param name="cancel">Heard while the request waits and between batches.</param>
    public void Run(ForwardRequest request, IProgress<int>? progress = null, CancellationToken cancel = default)
    {
        progress?.Report(0);
        if (request.Sequences.Length == 0) return;
        cancel.ThrowIfCancellationRequested();
        bool mine = Enqueue([request], takeIfFree: true);
        using var limits = new RequestLimits(this, cancel.CanBeCanceled ? [request] : [], null, cancel);
        try
        {
            for (int reported = 0; mine || !request.IsCompleted;)
            {
                if (mine)
                {
                    _turn.Run(request);
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
            lock (_host.Gate)
            {
                if (_host.IsMine) _host.Free(wake: _host.HasJobs || _host.Waiting > 0);
            }
            Withdraw(request, error); // mostly the caller's progress threw
            throw;
        }
        request.ThrowIfFailed();
    }

    /// <summary>Queues requests at once, so that those for the same texts share their passes.</summary>
    /// <param name="deadline">How long they may take together; null for as long as it takes.</param>
    /// <param name="hereIfAlone">Whether this thread may run it: where it is one text, nobody else waits or was served with the last batch, that was
    /// short, and as many tokens were computed in a short time before.</param>
    /// <param name="cancel">Heard while they wait and between batches.</param>
    /// <param name="requests">Not yet queued.</param>
    /// <returns>Ends when the last of them does, or the first without a result.</returns>
    public async Task RunAsync(TimeSpan? deadline, bool hereIfAlone, CancellationToken cancel, params ForwardRequest[] requests)
    {
        cancel.ThrowIfCancellationRequested();
        if (Array.Exists(requests, request => request.Sequences.Length == 0)) requests = Array.FindAll(requests, request => request.Sequences.Length > 0);
        if (requests.Length == 0) return;
        deadline = RequestLimits.Checked(deadline);
        // Beyond some milliseconds another thread costs nothing beside the pass, and a deadline must be heard meanwhile.
        bool isShort = requests is [{ Sequences: [var text] }] && _turn.IsShort(text.Ids.Length);
        bool mine = Enqueue(requests, takeIfFree: hereIfAlone && isShort && _turn.LastRequests == 1);
        using var limits = new RequestLimits(this, requests, deadline, cancel);
        if (mine)
        {
            try
            {
                _turn.Run(requests[0], alone: true);
            }
            finally
            {
                lock (_host.Gate) _host.Free(wake: _host.HasJobs || _host.Waiting > 0);
            }
        }
        foreach (var request in requests) await request.Completion.ConfigureAwait(false);
    }

    /// <summary>Runs what needs the backend while nothing else uses it; at once where it is this thread's turn already.</summary>
    /// <exception cref="ObjectDisposedException">The engine is closed.</exception>
    public void Use(Action action)
    {
        lock (_host.Gate) ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
        _host.Use(action);
    }

    /// <summary>Takes a request out of the queue and completes it with an error, unless it is completed already.</summary>
    public void Withdraw(ForwardRequest request, Exception error)
    {
        lock (_host.Gate) _queue.Remove(request);
        request.Complete(error);
    }

    /// <summary>Gathers and runs the next batch; for the host's thread, whose turn it is.</summary>
    public void RunGathered()
    {
        Gather();
        _turn.Run(null);
    }

    /// <summary>Answers all that waits with "closed", waits for what runs, and frees the activations and the cache.</summary>
    public void Dispose()
    {
        List<ForwardRequest> waiting;
        lock (_host.Gate)
        {
            if (_closed) return;
            _closed = true;
            waiting = _queue.RemoveAll();
        }
        foreach (var request in waiting) request.Complete(new ObjectDisposedException(nameof(Backbone)));
        _host.Use(_run.Dispose);
        lock (_host.Gate) _host.Remove(this);
    }

    /// <returns>Whether it is this thread's turn now.</returns>
    private bool Enqueue(ReadOnlySpan<ForwardRequest> requests, bool takeIfFree)
    {
        lock (_host.Gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
            if (_host.IsMine) throw new InvalidOperationException("a forward pass was asked for while the backend is owned by the same thread");
            bool takes = takeIfFree && _host is { IsFree: true, HasJobs: false, Waiting: 0 };
            // Before anything is queued: nobody would serve it where the thread cannot be started.
            if (!takes && _host.IsFree) _host.WakeThread();
            _queue.Add(requests);
            if (takes) _host.Take();
            return takes;
        }
    }

    /// <summary>After a batch: goes on where nobody else waits, else leaves the rest to the host's thread.</summary>
    private bool ReleaseOrGoOn(ForwardRequest request, bool goOn)
    {
        lock (_host.Gate)
        {
            if (goOn && !request.IsCompleted && request.Waiting > 0 && _host is { Waiting: 1, HasJobs: false } && !_closed) return true;
            // A caller with progress to tell comes back himself.
            _host.Free(wake: _host.HasJobs || _host.Waiting > (request.Waiting > 0 && !goOn ? 1 : 0));
            return false;
        }
    }

    private bool TakeIfNext(ForwardRequest request)
    {
        lock (_host.Gate)
        {
            if (!_host.IsFree || request.Waiting == 0 || request.IsCompleted || _closed) return false;
            if (_host.Waiting > 1 || _host.HasJobs)
            {
                _host.WakeThread();
                return false;
            }
            _host.Take();
            return true;
        }
    }

    /// <summary>Waits a little while fewer requests are there than the last batch served: those callers are about to come back.</summary>
    private void Gather()
    {
        if (_turn.LastRequests <= 1 || _gatherWait <= TimeSpan.Zero) return;
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (Expects() && System.Diagnostics.Stopwatch.GetElapsedTime(start) < _gatherWait) Thread.Yield();

        // Nothing waits where all of it was withdrawn, or the engine was closed; and others who share the model are not kept waiting.
        bool Expects()
        {
            lock (_host.Gate) return _queue.Requests > 0 && _queue.Requests < _turn.LastRequests && _host.Waiting == _queue.Requests && !_host.HasJobs;
        }
    }
}
