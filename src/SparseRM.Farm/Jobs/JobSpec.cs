namespace SparseRM.Farm.Jobs;

/// <summary>What a job is: all rows of one file into the parts of one folder, or some parts of it once more, to compare.</summary>
/// <param name="Id">Name of the job.</param>
/// <param name="Input">Full path of the file, the same on every machine.</param>
/// <param name="Output">Full path of the folder, the same on every machine.</param>
/// <param name="Rows">Rows of the file.</param>
/// <param name="ShardRows">Rows of a shard at most.</param>
/// <param name="Attempts">How many workers may die or fail over a shard before its rows are written as errors.</param>
/// <param name="Format">How parts are laid out: <c>jsonl</c>, <c>jsonl.gz</c> or <c>parquet</c>.</param>
/// <param name="IsAudit">Whether parts that are there are computed again and compared.</param>
[GenerateSerializer, Immutable]
public sealed record JobSpec(string Id, string Input, string Output, long Rows, int ShardRows, int Attempts, string Format, bool IsAudit);

/// <summary>A range that no worker has.</summary>
/// <param name="Start">The first row.</param>
/// <param name="End">The row behind the last one.</param>
/// <param name="Attempts">How often a worker died or failed over it.</param>
/// <param name="Reason">Why the last one did.</param>
/// <param name="Maker">Of an audit: who made the part, so that another does it again.</param>
/// <param name="FailedBy">The last worker that gave it back with a failure, so that others get it first.</param>
[GenerateSerializer, Immutable]
public sealed record FreeRange(long Start, long End, int Attempts = 0, string? Reason = null, string? Maker = null, string? FailedBy = null);

/// <summary>The right of one worker to one range. Its number is never given twice, so what an old one wrote is told from what a new one did.</summary>
/// <param name="Id">Number of the lease.</param>
/// <param name="Start">The first row.</param>
/// <param name="End">The row behind the last one.</param>
/// <param name="Attempts">How often workers died or failed over the range before.</param>
/// <param name="Worker">Who has it.</param>
/// <param name="Refuse">Why the rows are not to be scored but written as errors; null where they are to be scored.</param>
/// <param name="Reason">Why the last attempt failed.</param>
/// <param name="Maker">Of an audit: who made the part.</param>
/// <param name="FailedBy">The last worker that gave the range back with a failure.</param>
[GenerateSerializer, Immutable]
public sealed record Lease(long Id, long Start, long End, int Attempts, string Worker, string? Refuse, string? Reason, string? Maker, string? FailedBy);

/// <summary>A part that is accepted: nobody else gets its rows, and it has or will have its name.</summary>
/// <param name="Lease">Who staged it.</param>
/// <param name="Start">The first row.</param>
/// <param name="End">The row behind the last one.</param>
[GenerateSerializer, Immutable]
public sealed record AcceptedPart(long Lease, long Start, long End);

/// <summary>What a job keeps: as many entries as there are workers, however many shards there are.</summary>
[GenerateSerializer]
public sealed class LedgerState
{
    /// <summary>Rows from here on were given to nobody yet.</summary>
    [Id(0)] public long Next { get; set; }

    /// <summary>Ranges before <see cref="Next"/> that came back.</summary>
    [Id(1)] public List<FreeRange> Free { get; set; } = [];

    /// <summary>Ranges that workers have.</summary>
    [Id(2)] public List<Lease> Leases { get; set; } = [];

    /// <summary>Parts that are accepted and may not have their names yet.</summary>
    [Id(3)] public List<AcceptedPart> Accepted { get; set; } = [];

    /// <summary>The last number of a lease.</summary>
    [Id(4)] public long LastLease { get; set; }

    /// <summary>Rows in published parts, and how many of them have an error.</summary>
    [Id(5)] public long DoneRows { get; set; }

    /// <summary>Rows that have an error.</summary>
    [Id(6)] public long BadRows { get; set; }

    /// <summary>Shards that are done.</summary>
    [Id(7)] public long Shards { get; set; }

    /// <summary>Shards whose rows were written as errors.</summary>
    [Id(8)] public long RefusedShards { get; set; }

    /// <summary>Shards that were split for a worker that had nothing else to do.</summary>
    [Id(9)] public long Splits { get; set; }

    /// <summary>Leases that were lost: their worker died or went silent.</summary>
    [Id(10)] public long LostLeases { get; set; }

    /// <summary>Of an audit: parts that another machine wrote otherwise, the first few.</summary>
    [Id(11)] public List<string> Mismatches { get; set; } = [];

    /// <summary>Of an audit: parts for which no other machine was there, so that their maker did them again.</summary>
    [Id(12)] public long SameMaker { get; set; }

    /// <summary>Whether the user ended the job, or it failed.</summary>
    [Id(13)] public bool IsCancelled { get; set; }

    /// <summary>Of an audit: parts that differ.</summary>
    [Id(14)] public long MismatchCount { get; set; }

    /// <summary>Why the job was ended though nobody asked for it; null where it was not.</summary>
    [Id(15)] public string? Failure { get; set; }

    /// <summary>Shards that came back since a worker died or failed over them.</summary>
    [Id(16)] public long Retries { get; set; }

    /// <summary>A copy with these lists, which later changes leave alone.</summary>
    public LedgerState With(List<FreeRange> free, List<Lease> leases, List<AcceptedPart> accepted)
    {
        var copy = (LedgerState)MemberwiseClone();
        (copy.Free, copy.Leases, copy.Accepted, copy.Mismatches) = (free, leases, accepted, [.. Mismatches]);
        return copy;
    }
}
