using SparseRM.Backends;
using SparseRM.Models;

namespace SparseRM.Engine;

/// <summary>A model on a backend, and whose turn it is to use them: one thread's at a time. Thread-safe.</summary>
/// <remarks>
/// The engines before it, mostly one, share its lock. A caller who finds the backend free takes the turn himself, so that a program with one caller pays for no
/// other thread; whatever waits has it from the host's thread. Nothing of a user runs under the lock or within a turn.
/// </remarks>
internal sealed class ModelHost(Backend backend, TransformerModel model) : IDisposable
{
    private const int NoThread = -1; // whose turn it is once all is freed
    private readonly Queue<BackendJob> _jobs = [];
    private readonly List<ForwardEngine> _engines = [];
    private readonly AutoResetEvent _wake = new(false);
    private Thread? _thread;
    private int _owner, _last; // _owner: the managed thread whose turn it is, 0 for none; _last: the engine that was served last
    private bool _closed;

    /// <summary>Where the model runs.</summary>
    public Backend Backend => backend;

    /// <summary>Blocks 0..L; blocks are loaded, never unloaded, while it runs.</summary>
    public TransformerModel Model => model;

    /// <summary>Guards whose turn it is, and the engines' queues.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Whether it is this thread's turn.</summary>
    public bool IsMine => Volatile.Read(ref _owner) == Environment.CurrentManagedThreadId;

    /// <summary>Requests that wait in all engines; under the gate.</summary>
    public int Waiting
    {
        get
        {
            int waiting = 0;
            foreach (var engine in _engines) waiting += engine.Waiting;
            return waiting;
        }
    }

    /// <summary>Whether other work than forward passes waits; under the gate.</summary>
    public bool HasJobs => _jobs.Count > 0;

    /// <summary>Whether it is nobody's turn; under the gate.</summary>
    public bool IsFree => _owner == 0;

    /// <summary>Takes a turn that is nobody's; under the gate.</summary>
    public void Take() => _owner = Environment.CurrentManagedThreadId;

    /// <summary>Ends the turn; under the gate.</summary>
    /// <param name="wake">Whether the host's thread is to go on.</param>
    public void Free(bool wake)
    {
        _owner = 0;
        if (wake) WakeThread();
    }

    /// <summary>Has the host's thread look for work; under the gate.</summary>
    public void WakeThread()
    {
        if (_thread is null)
        {
            var thread = new Thread(RunThread) { IsBackground = true, Name = "sparserm engine" };
            thread.Start();
            _thread = thread;
        }
        _wake.Set();
    }

    /// <summary>Puts an engine before the model.</summary>
    public void Add(ForwardEngine engine)
    {
        lock (Gate) _engines.Add(engine);
    }

    /// <summary>Takes an engine away; under the gate.</summary>
    public void Remove(ForwardEngine engine) => _engines.Remove(engine);

    /// <summary>Runs what needs the backend while nothing else uses it; at once where it is this thread's turn already.</summary>
    /// <exception cref="ObjectDisposedException">The host is closed.</exception>
    public void Use(Action action)
    {
        if (IsMine)
        {
            action();
            return;
        }
        BackendJob? job = null;
        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Backbone));
            if (IsFree) Take();
            else _jobs.Enqueue(job = new BackendJob(action));
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
            lock (Gate) Free(wake: HasJobs || Waiting > 0);
        }
    }

    /// <summary>Refuses what waits, waits for what runs, and frees model and backend; the engines are closed before.</summary>
    public void Dispose()
    {
        BackendJob[] jobs;
        lock (Gate)
        {
            if (_closed) return;
            _closed = true;
            jobs = [.. _jobs];
            _jobs.Clear();
        }
        foreach (var job in jobs) job.Refuse(new ObjectDisposedException(nameof(Backbone)));
        _wake.Set();
        SpinWait.SpinUntil(TakeLast);
        if (_thread != Thread.CurrentThread) _thread?.Join();
        Model.Dispose();
        Backend.Dispose();
        _wake.Dispose();
    }

    private bool TakeLast()
    {
        lock (Gate)
        {
            if (!IsFree && !IsMine) return false;
            _owner = NoThread;
            return true;
        }
    }

    private void RunThread()
    {
        while (true)
        {
            _wake.WaitOne();
            while (TakeWork(out var job, out var engine))
            {
                try
                {
                    job?.Run();
                    engine?.RunGathered();
                }
                finally
                {
                    lock (Gate) Free(wake: false);
                }
            }
            lock (Gate)
            {
                if (_closed) return;
            }
        }
    }

    /// <summary>Takes the turn for a job, or else for the next of the engines that have work.</summary>
    private bool TakeWork(out BackendJob? job, out ForwardEngine? engine)
    {
        lock (Gate)
        {
            (job, engine) = (null, null);
            if (!IsFree || (!_jobs.TryDequeue(out job) && (engine = Next()) is null)) return false;
            Take();
            return true;
        }
    }

    private ForwardEngine? Next()
    {
        for (int i = 1; i <= _engines.Count; i++)
        {
            int place = (_last + i) % _engines.Count;
            if (_engines[place].Waiting == 0) continue;
            _last = place;
            return _engines[place];
        }
        return null;
    }
}
