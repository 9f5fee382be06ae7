using System.CommandLine;
using SparseRM.Errors;
using SparseRM.Farm;
using SparseRM.Farm.Clusters;
using SparseRM.Farm.Jobs;

namespace SparseRM.Cli.Terminal;

/// <summary>Watches a job of a farm and tells of it.</summary>
internal static class FarmJobs
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(300), s_moment = TimeSpan.FromSeconds(1), s_patience = TimeSpan.FromMinutes(2);

    /// <summary>Connects to the farm that the user named; says what it waits for, where that takes more than a moment.</summary>
    /// <exception cref="SparseRMException">No silo answers, or the database cannot be used.</exception>
    public static async Task<FarmClient> ConnectAsync(ParseResult args, Session session)
    {
        var options = args.Farm();
        var connected = FarmClient.ConnectAsync(options, session.Cancel);
        if (await Task.WhenAny(connected, Task.Delay(s_moment, session.Cancel)) != connected) session.Note($"waiting for a silo {options.Place}");
        return await connected;
    }

    /// <summary>Waits for a job's end; what keeps its workers is told once.</summary>
    /// <exception cref="SparseRMException">The job is not known any more: the silo that kept it in memory is gone.</exception>
    public static async Task<JobStatus> WatchAsync(FarmClient farm, string job, Session session, Meter meter)
    {
        session.AfterInterrupt = $"the job goes on; ask with farm status {job}, or end it with farm cancel {job}";
        var told = new HashSet<string>();
        while (true)
        {
            var status = await PatientlyAsync(() => StatusAsync(farm, job), session);
            meter.Report(new WorkProgress(status.Spec.IsAudit ? "auditing rows" : "scoring rows", DoneOf(status), Math.Max(1, status.Spec.Rows)));
            foreach (string problem in status.Problems.Where(told.Add)) session.Warn(problem);
            if (status.State != JobStatus.Running) return status;
            await Task.Delay(s_poll, session.Cancel);
        }
    }

    /// <summary>Asks a farm, for as long as it may take that another silo goes on with what one that died had.</summary>
    /// <exception cref="SparseRMException">It does not answer for that long.</exception>
    public static async Task<T> PatientlyAsync<T>(Func<Task<T>> ask, Session session)
    {
        var until = DateTime.UtcNow + s_patience;
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception error) when (error is not (SparseRMException or OperationCanceledException))
            {
                if (DateTime.UtcNow > until) throw new SparseRMException($"the farm does not answer any more ({FarmErrors.Sentence(error)}); jobs go on where their silos do", error);
                await Task.Delay(s_poll, session.Cancel);
            }
        }
    }

    /// <summary>Insists that a job was not ended before all was done.</summary>
    /// <exception cref="SparseRMException">Somebody ended it, or no silo could go on with it.</exception>
    public static void RequireNotEnded(JobStatus status)
    {
        if (status.Counts.Failure is { } failure) throw new SparseRMException($"job {status.Spec.Id} was given up: {failure}; mend that and submit it again to go on");
        if (status.State == "cancelled") throw new SparseRMException(ErrorKind.Cancelled, $"job {status.Spec.Id} was ended before all rows were done; submit it again to go on");
    }

    /// <summary>How a job stands.</summary>
    /// <exception cref="SparseRMException">There is no such job.</exception>
    public static async Task<JobStatus> StatusAsync(FarmClient farm, string job) => await farm.StatusAsync(job)
        ?? throw new SparseRMException($"there is no job {job} in this farm; farm status lists them");

    /// <summary>What a program reads of it.</summary>
    public static Report Report(JobStatus status)
    {
        var counts = status.Counts;
        var report = new Report().Add("job", status.Spec.Id).Add("state", status.State).Add("input", status.Spec.Input).Add("output", status.Spec.Output)
            .Add("rows", status.Spec.Rows).Add("rows_done", counts.DoneRows).Add("rows_bad", counts.BadRows).Add("shards_done", counts.Shards)
            .Add("shards_refused", counts.RefusedShards).Add("shards_split", counts.Splits).Add("shards_retried", counts.Retries).Add("leases_lost", counts.LostLeases)
            .Add("leases", status.Leases.Select(lease => new Report().Add("worker", lease.Worker).Add("rows_start", lease.Start).Add("rows_end", lease.End)
                .Add("rows_done", lease.Done).Add("attempt", lease.Attempts + 1)).ToArray())
            .Add("problems", status.Problems).Add("failure", counts.Failure);
        return status.Spec.IsAudit ? report.Add("differing", counts.MismatchCount).Add("differences", counts.Mismatches).Add("by_their_own_maker", counts.SameMaker) : report;
    }

    // Rows of running shards count, so that a bar moves.
    private static long DoneOf(JobStatus status) => Math.Min(status.Spec.Rows, status.Counts.DoneRows + status.Leases.Sum(lease => Math.Min(lease.Done, lease.End - lease.Start)));
}
