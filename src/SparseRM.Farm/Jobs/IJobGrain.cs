namespace SparseRM.Farm.Jobs;

/// <summary>The coordinator of one job; its key is the job's id.</summary>
public interface IJobGrain : IGrainWithStringKey
{
    /// <summary>Begins the job, or goes on with it.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="audited">Of an audit: what is computed again.</param>
    /// <returns>Null, or why it cannot be.</returns>
    /// <remarks>Parts that are there are read, and the input's text of their rows.</remarks>
    [ResponseTimeout("1.00:00:00")]
    Task<string?> Start(JobSpec spec, FreeRange[] audited);

    /// <summary>A worker offers itself; the first one's means are those of the job.</summary>
    /// <param name="worker">Who.</param>
    /// <param name="fingerprint">By what means it computes.</param>
    /// <returns>The job, or null where its means are others or the job is over.</returns>
    Task<JobSpec?> Join(string worker, string[] fingerprint);

    /// <summary>Heartbeat, results and new work.</summary>
    Task<WorkerOrders> Exchange(WorkerReport report);

    /// <summary>How it stands; null where there is no such job.</summary>
    Task<JobStatus?> Status();

    /// <summary>Ends it.</summary>
    Task Cancel();
}

/// <summary>The list of jobs, one of a farm.</summary>
public interface IFarmGrain : IGrainWithIntegerKey
{
    /// <summary>Lists a job that began.</summary>
    Task Add(string job);

    /// <summary>Ids of jobs, the oldest first.</summary>
    Task<string[]> Jobs(bool openOnly);

    /// <summary>Hears that a job is over.</summary>
    Task Over(string job);
}
