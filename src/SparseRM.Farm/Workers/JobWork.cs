using Microsoft.Extensions.Logging;
using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Workers;

/// <summary>A worker's share of one job: takes shards while there is room, computes them outside of any grain, and backs off by itself, so that no job waits for another's faults.</summary>
/// <param name="worker">The worker's name.</param>
/// <param name="job">The coordinator.</param>
/// <param name="seat">Its share of the worker's lanes.</param>
/// <param name="means">What computes.</param>
/// <param name="options">Lease and heartbeat.</param>
/// <param name="log">Hears of what goes wrong.</param>
internal sealed class JobWork(string worker, IJobGrain job, Lanes.Seat seat, ScoringMeans means, FarmOptions options, ILogger log)
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);
    private readonly List<ShardTask> _running = [];
    private TimeSpan _pause = TimeSpan.Zero;
    private DateTime _pauseUntil;

    /// <summary>Whether the farm lists the job as open; where it does not, what runs is ended.</summary>
    public bool IsOpen { get; set; } = true;

    /// <summary>Works until the job is over, is not for this worker's means, or does not answer for as long as a lease.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            if (await job.Join(worker, [.. means.Fingerprint.Values]) is { } spec) await WorkAsync(spec, stopping);
        }
        catch (Exception error)
        {
            log.LogWarning("a job could not be asked for: {Message}", FarmErrors.Sentence(error));
        }
        finally
        {
            foreach (var shard in _running) shard.Lose();
            await Task.WhenAll(_running.Select(shard => shard.Task));
            seat.Got(0, 0, 0);
        }
    }

    private async Task WorkAsync(JobSpec spec, CancellationToken stopping)
    {
        while (true)
        {
            bool isLeaving = stopping.IsCancellationRequested;
            if (isLeaving)
            {
                foreach (var shard in _running) shard.Lose();
                await Task.WhenAll(_running.Select(shard => shard.Task));
            }
            ShardTask[] ended = [.. _running.Where(shard => shard.Task.IsCompleted)];
            bool hasFailed = ended.Any(shard => shard.Task.Result.Failed is not null);
            Back(hasFailed, ended.Any(shard => shard.Task.Result.Staged is not null));
            int room = seat.Ask(_running.Count - ended.Length, !isLeaving && DateTime.UtcNow >= _pauseUntil);
            if (_running.Count == 0 && room == 0)
            {
                // Older jobs have the lanes, or this one waits.
                if (!IsOpen || !await PauseAsync(options.Idle, stopping)) return;
                continue;
            }
            var report = new WorkerReport(worker,
                [.. ended.Select(shard => shard.Task.Result.Staged).OfType<StagedPart>()], [.. ended.Select(shard => shard.Task.Result.Failed).OfType<FailedLease>()],
                [.. _running.Except(ended).Select(shard => new LeaseRow(shard.Lease.Id, shard.Begun))], room);
            // Where nobody answers for as long as a lease, others may have these shards by now.
            if (await AskAsync(report, stopping) is not { } orders) return;
            _running.RemoveAll(ended.Contains);
            Follow(spec, ended, orders);
            seat.Got(room, _running.Count, orders.Leases.Length);
            if (isLeaving || (orders.IsOver && _running.Count == 0)) return;
            bool hasRoom = orders.Leases.Length == 0 && _running.Count < Lanes.Count;
            var wait = hasRoom || orders.IsEnding ? options.Idle : options.Heartbeat;
            await Task.WhenAny(_running.Select(shard => (Task)shard.Task).Append(PauseAsync(wait, stopping)));
        }
    }

    private void Follow(JobSpec spec, ShardTask[] ended, WorkerOrders orders)
    {
        foreach (var answer in orders.Staged)
        {
            var shard = ended.First(shard => shard.Lease.Id == answer.Lease);
            if (answer.Row != shard.Task.Result.Staged!.End) shard.Unstage(spec);
            if (answer.Row > shard.Lease.Start && answer.Row != shard.Task.Result.Staged!.End) _running.Add(ShardTask.Start(means, spec, shard.Lease with { End = answer.Row }));
        }
        foreach (var answer in orders.Running) _running.First(shard => shard.Lease.Id == answer.Lease).Limit(answer.Row);
        foreach (var lease in orders.Leases) _running.Add(ShardTask.Start(means, spec, lease));
    }

    // Null where the coordinator cannot be reached for as long as a lease lasts.
    private async Task<WorkerOrders?> AskAsync(WorkerReport report, CancellationToken stopping)
    {
        var until = DateTime.UtcNow + options.Lease;
        for (bool isTold = false; ; isTold = true)
        {
            try
            {
                return await job.Exchange(report);
            }
            catch (Exception error)
            {
                if (!isTold) log.LogWarning("a job's coordinator does not answer ({Message}); it is asked again", FarmErrors.Sentence(error));
                if (stopping.IsCancellationRequested || DateTime.UtcNow > until) return null;
                await PauseAsync(options.Idle, stopping);
            }
        }
    }

    // A worker with a full disk or a broken device must not take one shard after another.
    private void Back(bool hasFailed, bool hasDone)
    {
        if (hasFailed)
        {
            _pause = _pause == TimeSpan.Zero ? TimeSpan.FromSeconds(1) : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, s_longestPause.Ticks));
            _pauseUntil = DateTime.UtcNow + _pause;
        }
        else if (hasDone) _pause = TimeSpan.Zero;
    }

    /// <summary>Waits; false where the worker stops meanwhile.</summary>
    public static async Task<bool> PauseAsync(TimeSpan time, CancellationToken stopping)
    {
        try
        {
            await Task.Delay(time, stopping);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
