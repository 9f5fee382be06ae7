namespace SparseRM.Farm.Jobs;

/// <summary>A part that a worker staged, or a range that it found there.</summary>
/// <param name="Lease">Its lease.</param>
/// <param name="End">The row behind its last one.</param>
/// <param name="Bad">Rows with an error.</param>
/// <param name="Mismatch">Of an audit: how the part differs.</param>
[GenerateSerializer, Immutable]
public sealed record StagedPart(long Lease, long End, long Bad, string? Mismatch);

/// <summary>A lease that a worker could not do.</summary>
/// <param name="Lease">The lease.</param>
/// <param name="Reason">Why.</param>
/// <param name="Fault">Whose fault it is.</param>
[GenerateSerializer, Immutable]
public sealed record FailedLease(long Lease, string Reason, Fault Fault);

/// <summary>Whose fault it is that a worker could not do a lease: what counts as an attempt at its rows.</summary>
public enum Fault
{
    /// <summary>The rows': an attempt.</summary>
    Rows,

    /// <summary>The worker's, such as a full disk: no attempt.</summary>
    Worker,

    /// <summary>Of either, such as a device that failed: an attempt unless the same worker was the last to fail over the rows.</summary>
    Unclear,
}

/// <summary>A lease that is worked on, or its answer.</summary>
/// <param name="Lease">The lease.</param>
/// <param name="Row">Rows begun; as an answer, the row behind the last one that may be written, -1 where the lease is lost.</param>
[GenerateSerializer, Immutable]
public sealed record LeaseRow(long Lease, long Row);

/// <summary>What a worker says and asks, in one call: its heartbeat, its results, and for how many ranges it has room.</summary>
/// <param name="Worker">Who.</param>
/// <param name="Staged">Parts since the last call.</param>
/// <param name="Failed">Failures since the last call.</param>
/// <param name="Running">All that it works on.</param>
/// <param name="Wants">Ranges that it could begin.</param>
[GenerateSerializer, Immutable]
public sealed record WorkerReport(string Worker, StagedPart[] Staged, FailedLease[] Failed, LeaseRow[] Running, int Wants);

/// <summary>The answer.</summary>
/// <param name="Staged">For each staged part its end where it is accepted, another end where it is to be cut there, -1 where it is lost.</param>
/// <param name="Running">For each lease that is worked on.</param>
/// <param name="Leases">New ones.</param>
/// <param name="IsEnding">Whether others may get half of what the worker has, so that it is to be heard of as often as they ask.</param>
/// <param name="IsOver">Whether nothing is left, or the job was ended.</param>
[GenerateSerializer, Immutable]
public sealed record WorkerOrders(LeaseRow[] Staged, LeaseRow[] Running, Lease[] Leases, bool IsEnding, bool IsOver);

/// <summary>A lease, for people.</summary>
/// <param name="Worker">Who has it.</param>
/// <param name="Start">The first row.</param>
/// <param name="End">The row behind the last one.</param>
/// <param name="Done">Rows done.</param>
/// <param name="Attempts">Attempts before.</param>
[GenerateSerializer, Immutable]
public sealed record LeaseStatus(string Worker, long Start, long End, long Done, int Attempts);

/// <summary>How a job stands.</summary>
/// <param name="Spec">The job.</param>
/// <param name="State"><c>running</c>, <c>complete</c>, <c>cancelled</c> or <c>failed</c>.</param>
/// <param name="Counts">Its counts.</param>
/// <param name="Leases">What workers have.</param>
/// <param name="Problems">What keeps workers from it, the last of each worker.</param>
[GenerateSerializer, Immutable]
public sealed record JobStatus(JobSpec Spec, string State, LedgerState Counts, LeaseStatus[] Leases, string[] Problems)
{
    /// <summary>The state of a job that is not over.</summary>
    public const string Running = "running";
}
