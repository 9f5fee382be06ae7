using System.Diagnostics;

namespace SparseRM.Engine;

/// <summary>What is run within one turn: a batch, and where the backend computes behind the calls, full ones that follow it. For the thread whose turn it is.</summary>
/// <param name="host">Whose turn it is.</param>
/// <param name="queue">Before this engine.</param>
/// <param name="run">What runs batches.</param>
/// <param name="withdraw">Takes a request out of the queue and completes it with an error.</param>
internal sealed class BatchTurn(ModelHost host, RequestQueue queue, BatchRun run, Action<ForwardRequest, Exception> withdraw)
{
    // A caller with progress to tell comes to it after so many; who else wants the turn has it after the batches that were begun.
    private const int MostBatches = 8;
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(5);
    private readonly RunningBatch[] _batches = [new(), new()];
    private TimeSpan _lastTime = TimeSpan.MaxValue; // of the last turn
    private long _shortTokens; // the most that a turn computed in a short time

    /// <summary>Requests that the last batch served.</summary>
    public int LastRequests { get; private set; } = 1;

    /// <summary>Whether as many tokens were computed in a short time before, and the last turn was short, too.</summary>
    public bool IsShort(int tokens) => tokens <= Volatile.Read(ref _shortTokens) && _lastTime < s_short;

    /// <summary>
    /// Runs the next batch, and those that may follow at once. What cannot be planned or completed fails the requests that it is of, and not whoever runs it.
    /// </summary>
    /// <param name="own">The request of whoever runs it on his own thread: others follow only while that waits. Null on the host's thread.</param>
    /// <param name="alone">Whether nothing is run where more than one request waits by now.</param>
    public void Run(ForwardRequest? own, bool alone = false)
    {
        long computed = run.ComputedTokens, start = Stopwatch.GetTimestamp();
        RunningBatch? before = null;
        for (int number = 0; number == 0 || (number < MostBatches && FollowsAtOnce(own)); number++)
        {
            var batch = _batches[number % 2];
            if (!Take(batch, alone)) break;
            LastRequests = batch.Parts.Count;
            bool mayOverlap = batch.MayOverlap;
            if (!mayOverlap && before is not null)
            {
                End(before);
                before = null;
            }
            if (!Begin(batch)) break;
            if (before is not null) End(before);
            before = batch;
            if (!mayOverlap) break;
        }
        if (before is null) return;
        End(before);
        _lastTime = Stopwatch.GetElapsedTime(start);
        if (_lastTime < s_short) Volatile.Write(ref _shortTokens, Math.Max(_shortTokens, run.ComputedTokens - computed));
    }

    /// <summary>
    /// Whether another batch is begun before the last one is ended: where about a full one waits, which would gain little from waiting longer, and nobody else wants
    /// the turn.
    /// </summary>
    private bool FollowsAtOnce(ForwardRequest? own)
    {
        if (!host.Backend.RunsBehind) return false;
        lock (host.Gate) return queue.FillsBatch && (own is null || own.Waiting > 0) && !host.HasJobs && host.Waiting == queue.Requests;
    }

    private bool Take(RunningBatch batch, bool alone)
    {
        try
        {
            lock (host.Gate)
            {
                if (alone && queue.Requests > 1) return false;
                queue.Take(batch.Parts);
            }
        }
        catch (Exception error)
        {
            Fail(batch, error);
        }
        return batch.Parts.Count > 0;
    }

    private bool Begin(RunningBatch batch)
    {
        try
        {
            run.Begin(batch);
            return true;
        }
        catch (Exception error)
        {
            Fail(batch, error);
            return false;
        }
    }

    private void End(RunningBatch batch)
    {
        try
        {
            run.End(batch);
            // What has failed is told now: what waits of it would be computed for nothing.
            foreach (var part in batch.Parts)
                if (part.Request.Error is { } error) withdraw(part.Request, error);
        }
        catch (Exception error)
        {
            Fail(batch, error);
        }
        batch.Parts.Clear();
    }

    private void Fail(RunningBatch batch, Exception error)
    {
        lock (host.Gate)
        {
            // Where no batch could be made of it, what stands first goes: else it would come up again for ever.
            if (batch.Parts.Count == 0 && queue.First is { } first) batch.Parts.Add(new BatchPart(first, 0, 0));
        }
        foreach (var part in batch.Parts) withdraw(part.Request, error);
        batch.Drop();
        batch.Error = null;
        batch.Parts.Clear();
    }
}
