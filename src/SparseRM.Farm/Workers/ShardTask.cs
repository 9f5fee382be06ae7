using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Parts;

namespace SparseRM.Farm.Workers;

/// <summary>What became of a lease: a staged part, or a failure, or neither where it was lost.</summary>
internal sealed record ShardResult(StagedPart? Staged, FailedLease? Failed);

/// <summary>One lease that is worked on, on a thread of its own.</summary>
internal sealed class ShardTask
{
    private readonly CancellationTokenSource _cancel = new();
    private long _begun, _limit;

    private ShardTask(Lease lease) => (Lease, _limit) = (lease, lease.End);

    /// <summary>The lease.</summary>
    public Lease Lease { get; }

    /// <summary>Its end; never fails.</summary>
    public required Task<ShardResult> Task { get; init; }

    /// <summary>Rows done, and those in the windows that are computed now: to take those from it would compute them twice.</summary>
    public long Begun => Volatile.Read(ref _begun);

    /// <summary>Begins the work.</summary>
    public static ShardTask Start(ScoringMeans means, JobSpec spec, Lease lease)
    {
        ShardTask? task = null;
        var started = new TaskCompletionSource();
        var work = System.Threading.Tasks.Task.Factory.StartNew(
            () =>
            {
                started.Task.Wait();
                return task!.Run(means, spec);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        task = new ShardTask(lease) { Task = work };
        started.SetResult();
        return task;
    }

    /// <summary>Lowers the end; -1: the lease is lost.</summary>
    public void Limit(long end)
    {
        if (end < 0) Lose();
        else Volatile.Write(ref _limit, end);
    }

    /// <summary>Ends the work.</summary>
    public void Lose() => _cancel.Cancel();

    /// <summary>Removes what was staged and is not accepted.</summary>
    public void Unstage(JobSpec spec)
    {
        if (spec.IsAudit) return;
        try
        {
            PartFolder.Unstage(spec.Output, PartFormats.Parse(spec.Format), new RowRange(Lease.Start, Task.Result.Staged!.End), $"{Lease.Id}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is read by nobody, and removed when the job ends.
        }
    }

    private ShardResult Run(ScoringMeans means, JobSpec spec)
    {
        try
        {
            var rows = new RowRange(Lease.Start, Lease.End);
            var input = RowFile.Open(spec.Input, Directory.Exists(spec.Output) ? spec.Output : null);
            var folder = PartFolder.Open(spec.Output, input, PartFormats.Parse(spec.Format), means.Fingerprint);
            var there = spec.IsAudit ? PartFolder.ManifestFor(folder.Path, rows) : null;
            using var draft = (Lease.Refuse ?? there?.Refused) is { } reason ? means.Scorer.Refuse(input, rows, folder, reason, _cancel.Token)
                : means.Scorer.Score(input, rows, folder, () => Volatile.Read(ref _limit), new Progress(this), _cancel.Token);
            var made = draft.Manifest;
            string? mismatch = spec.IsAudit ? PartAudit.Difference(folder, there, draft) : null;
            if (!spec.IsAudit) folder.Stage(draft, $"{Lease.Id}");
            return new ShardResult(new StagedPart(Lease.Id, made.Rows.End, made.BadCount, mismatch), null);
        }
        catch (OperationCanceledException)
        {
            // Given back where the worker leaves; where it was lost, nobody listens.
            return new ShardResult(null, new FailedLease(Lease.Id, "its worker left", Fault.Worker));
        }
        catch (Exception error)
        {
            return new ShardResult(null, new FailedLease(Lease.Id, error.Message.TrimEnd('.'), FaultOf(error)));
        }
    }

    /// <summary>Whose fault an error is.</summary>
    internal static Fault FaultOf(Exception error) => error switch
    {
        // As a whole: it may be out of this machine's sight alone.
        DataFormatException { Line: 0 } => Fault.Unclear,
        DataFormatException => Fault.Rows,
        _ => SparseRMException.KindOf(error) switch
        {
            ErrorKind.Data or ErrorKind.Mismatch => Fault.Worker,
            ErrorKind.Device => Fault.Unclear,
            _ => Fault.Rows,
        },
    };

    private sealed class Progress(ShardTask task) : IProgress<long>
    {
        public void Report(long value) => Volatile.Write(ref task._begun, value);
    }
}
