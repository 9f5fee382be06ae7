using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using SparseRM.Farm.Jobs;
using SparseRM.Parts;

namespace SparseRM.Farm.Workers;

/// <summary>Takes shards of open jobs, the oldest job first, and computes them outside of any grain.</summary>
/// <param name="grains">The farm.</param>
/// <param name="silo">This silo.</param>
/// <param name="means">What computes.</param>
/// <param name="options">Lease and heartbeat.</param>
/// <param name="log">Hears of what goes wrong.</param>
internal sealed class FarmWorker(IGrainFactory grains, ILocalSiloDetails silo, ScoringMeans means, FarmOptions options, ILogger<FarmWorker> log) : BackgroundService
{
    // Two at once: one is read, encoded, flushed and reported while the other computes.
    private const int Lanes = 2;
    private static readonly TimeSpan s_idle = TimeSpan.FromMilliseconds(300), s_longestPause = TimeSpan.FromSeconds(30);
    private readonly string _name = $"{Environment.MachineName}:{silo.SiloAddress.Endpoint.Port}@{silo.SiloAddress.ToParsableString()}";
    private TimeSpan _pause = TimeSpan.Zero;
    private DateTime _pauseUntil;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host starts what follows only when this yields.
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            bool worked = false;
            try
            {
                foreach (string id in await grains.GetGrain<IFarmGrain>(0).Jobs(openOnly: true))
                {
                    var job = grains.GetGrain<IJobGrain>(id);
                    if (await job.Join(_name, [.. means.Fingerprint.Values]) is not { } spec) continue;
                    worked |= await WorkAsync(job, spec, stoppingToken);
                }
            }
            catch (Exception error) when (error is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
            {
                log.LogWarning("no job could be asked for: {Message}", error.Message);
            }
            if (!worked && !stoppingToken.IsCancellationRequested) await Pause(s_idle, stoppingToken);
        }
    }

    // Until the job has nothing to give; whether anything was done.
    private async Task<bool> WorkAsync(IJobGrain job, JobSpec spec, CancellationToken stopping)
    {
        var running = new List<ShardTask>();
        bool any = false;
        while (true)
        {
            bool isLeaving = stopping.IsCancellationRequested;
            ShardTask[] ended = [.. running.Where(shard => shard.Task.IsCompleted)];
            int room = isLeaving || DateTime.UtcNow < _pauseUntil ? 0 : Lanes - (running.Count - ended.Length);
            if (isLeaving)
            {
                foreach (var shard in running) shard.Lose();
                await Task.WhenAll(running.Select(shard => shard.Task));
                ended = [.. running];
            }
            var report = new WorkerReport(_name,
                [.. ended.Select(shard => shard.Task.Result.Staged).OfType<StagedPart>()], [.. ended.Select(shard => shard.Task.Result.Failed).OfType<FailedLease>()],
                [.. running.Except(ended).Select(shard => new LeaseRow(shard.Lease.Id, shard.Done))], room);
            Back(report.Failed.Length > 0, report.Staged.Length > 0);
            var orders = await Ask(job, report, stopping);
            running.RemoveAll(ended.Contains);
            if (orders is null || isLeaving)
            {
                // Nobody answers for as long as a lease: others may have these shards by now.
                foreach (var shard in running) shard.Lose();
                await Task.WhenAll(running.Select(shard => shard.Task));
                return any;
            }
            foreach (var answer in orders.Staged)
            {
                var shard = ended.First(shard => shard.Lease.Id == answer.Lease);
                if (answer.Row != shard.Task.Result.Staged!.End) shard.Unstage(spec);
                if (answer.Row > shard.Lease.Start && answer.Row != shard.Task.Result.Staged!.End) running.Add(ShardTask.Start(means, spec, shard.Lease with { End = answer.Row }));
            }
            foreach (var answer in orders.Running) running.First(shard => shard.Lease.Id == answer.Lease).Limit(answer.Row);
            foreach (var lease in orders.Leases) running.Add(ShardTask.Start(means, spec, lease));
            any |= orders.Leases.Length > 0;
            if (orders.IsOver && running.Count == 0) return any;
            if (running.Count == 0)
            {
                // Others have the rest, or this one must not take more yet.
                if (!await Pause(s_idle, stopping)) continue;
                return any;
            }
            var wait = orders.Leases.Length == 0 && running.Count < Lanes ? s_idle : options.Heartbeat;
            await Task.WhenAny(running.Select(shard => (Task)shard.Task).Append(Pause(wait, stopping)));
        }
    }

    // Null where the coordinator cannot be reached for as long as a lease lasts.
    private async Task<WorkerOrders?> Ask(IJobGrain job, WorkerReport report, CancellationToken stopping)
    {
        var until = DateTime.UtcNow + options.Lease;
        while (true)
        {
            try
            {
                return await job.Exchange(report);
            }
            catch (Exception error)
            {
                log.LogWarning("the coordinator did not answer: {Message}", error.Message);
                if (stopping.IsCancellationRequested || DateTime.UtcNow > until) return null;
                await Pause(s_idle, stopping);
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

    private static async Task<bool> Pause(TimeSpan time, CancellationToken stopping)
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
