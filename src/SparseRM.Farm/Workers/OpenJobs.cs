using Microsoft.Extensions.Logging;
using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Workers;

/// <summary>Works on all open jobs at once, the oldest first.</summary>
/// <param name="worker">The worker's name.</param>
/// <param name="list">Lists open jobs, the oldest first.</param>
/// <param name="job">The coordinator of a job.</param>
/// <param name="means">What computes.</param>
/// <param name="options">Lease and heartbeat.</param>
/// <param name="log">Hears of what goes wrong.</param>
internal sealed class OpenJobs(string worker, Func<Task<string[]>> list, Func<string, IJobGrain> job, ScoringMeans means, FarmOptions options, ILogger log)
{
    private readonly Lanes _lanes = new();
    private readonly Dictionary<string, (Lanes.Seat Seat, JobWork Work, Task Task)> _jobs = [];

    /// <summary>Works until it is told to stop; gives back then what is not done.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        bool isTold = false;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                Meet(await list(), stopping);
                isTold = false;
            }
            catch (Exception error)
            {
                if (!isTold) log.LogWarning("the farm's list of jobs cannot be read ({Message}); it is asked for again", FarmErrors.Sentence(error));
                isTold = true;
            }
            await JobWork.PauseAsync(options.Idle, stopping);
            // While there is work the list is asked for as seldom as a heartbeat; a job that ends makes room for the next.
            Task[] busy = [.. _jobs.Values.Where(one => one.Seat.Running > 0).Select(one => one.Task)];
            if (busy.Length > 0) await Task.WhenAny(busy.Append(JobWork.PauseAsync(options.Heartbeat, stopping)));
        }
        await Task.WhenAll(_jobs.Values.Select(one => one.Task));
    }

    private void Meet(string[] open, CancellationToken stopping)
    {
        foreach (var (id, one) in _jobs.ToArray())
        {
            if (one.Task.IsCompleted && !open.Contains(id))
            {
                _lanes.Leave(one.Seat);
                _jobs.Remove(id);
            }
            else one.Work.IsOpen = open.Contains(id);
        }
        for (int i = 0; i < open.Length; i++)
        {
            bool isKnown = _jobs.TryGetValue(open[i], out var one);
            var seat = _lanes.Sit(i, isKnown ? one.Seat : null);
            // One that was over for this worker, by its means or since its coordinator was silent, may not be any more.
            if (isKnown && !one.Task.IsCompleted) continue;
            var work = new JobWork(worker, job(open[i]), seat, means, options, log);
            _jobs[open[i]] = (seat, work, work.RunAsync(stopping));
        }
    }
}
