using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime;
using SparseRM.Errors;
using SparseRM.Parts;

namespace SparseRM.Farm.Jobs;

/// <summary>What a job grain keeps.</summary>
[GenerateSerializer]
public sealed class JobRecord
{
    /// <summary>The job; null before it began.</summary>
    [Id(0)] public JobSpec? Spec { get; set; }

    /// <summary>By what means its scores are computed: what the folder's card says, or the first worker's; null until it came.</summary>
    [Id(1)] public string[]? Fingerprint { get; set; }

    /// <summary>Who has which rows.</summary>
    [Id(2)] public LedgerState Ledger { get; set; } = new();
}

/// <summary>The coordinator of a job.</summary>
/// <remarks>
/// Whatever a worker is told was kept before: a lease, so that its number is never given again and its attempts count even if it takes the coordinator with it; an
/// accepted part, so that a coordinator that is not the only one any more fails at its write and gives no part its name. Parts get their names after that, by whoever
/// coordinates, as often as it takes.
/// </remarks>
[Reentrant]
internal sealed class JobGrain : Grain, IJobGrain
{
    private const int PatientLeases = 10;
    private readonly IPersistentState<JobRecord> _record;
    private readonly IPartPublisher _publisher;
    private readonly ISiloStatusOracle _silos;
    private readonly FarmOptions _options;
    private readonly ILogger<JobGrain> _log;
    private readonly GroupCommit _commit;
    private readonly SemaphoreSlim _start = new(1);
    private Troubles _troubles;
    private JobLedger? _ledger;
    private bool _isTold;

    public JobGrain([PersistentState("job", FarmOptions.Storage)] IPersistentState<JobRecord> record, IPartPublisher publisher, ISiloStatusOracle silos, FarmOptions options,
        ILogger<JobGrain> log)
    {
        (_record, _publisher, _silos, _options, _log) = (record, publisher, silos, options, log);
        _commit = new GroupCommit(Write, PublishAsync, GiveUp);
        _troubles = NewTroubles();
    }

    private static DateTime Now => DateTime.UtcNow;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_record.State.Spec is { } spec) _ledger = new JobLedger(spec, _record.State.Ledger, Now, _options);
        this.RegisterGrainTimer(TickAsync, new GrainTimerCreationOptions(_options.Heartbeat, _options.Heartbeat) { Interleave = true });
        return Task.CompletedTask;
    }

    public async Task<string?> Start(JobSpec spec, FreeRange[] audited)
    {
        // Reading what is there may take long; who comes meanwhile finds the job begun.
        await _start.WaitAsync();
        try
        {
            return await StartAlone(spec, audited);
        }
        finally
        {
            _start.Release();
        }
    }

    private async Task<string?> StartAlone(JobSpec spec, FreeRange[] audited)
    {
        if (_record.State.Spec is { } known && !IsOver)
        {
            return known == spec ? null
                : $"{spec.Output}: another job writes there, of {known.Input} with {known.Rows} rows in shards of {known.ShardRows}; wait for it, end it with farm cancel {known.Id}, or choose another folder";
        }
        try
        {
            var (state, fingerprint) = await Task.Run(() => JobFolder.Begin(spec, audited));
            // Numbers go on, or a part that an old lease staged might be taken for a new one's.
            state.LastLease = _record.State.Ledger.LastLease;
            _record.State = new JobRecord { Spec = spec, Ledger = state, Fingerprint = fingerprint };
            _ledger = new JobLedger(spec, state, Now, _options);
            _troubles = NewTroubles();
            _isTold = false;
        }
        catch (SparseRMException error)
        {
            return error.Message;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"{spec.Output}: {error.Message.TrimEnd('.')}; choose another folder";
        }
        await _commit.Commit();
        return null;
    }

    public async Task<JobSpec?> Join(string worker, string[] fingerprint)
    {
        if (_record.State.Spec is not { } spec || Ledger is { IsComplete: true } or { IsCancelled: true }) return null;
        if (_record.State.Fingerprint is not { } known)
        {
            _record.State.Fingerprint = fingerprint;
            await _commit.Commit();
        }
        else if (new ScoringFingerprint(fingerprint).DifferenceFrom(new ScoringFingerprint(known)) is { } difference)
        {
            _troubles.Refused(worker, $"computes by other means than the job ({difference})");
            return null;
        }
        _troubles.Joined(worker);
        return spec;
    }

    public async Task<WorkerOrders> Exchange(WorkerReport report)
    {
        var ledger = Ledger;
        foreach (var failed in report.Failed)
        {
            if (ledger.Fail(failed.Lease, report.Worker, failed.Reason, failed.Fault)) _troubles.Failed(report.Worker, failed.Reason);
        }
        LeaseRow[] staged = [.. report.Staged.Select(part => new LeaseRow(part.Lease, ledger.Accept(part.Lease, report.Worker, part.End, part.Bad, part.Mismatch)))];
        LeaseRow[] running = [.. report.Running.Select(lease => new LeaseRow(lease.Lease, ledger.Renew(lease.Lease, report.Worker, lease.Row, Now)))];
        var leases = new List<Lease>();
        while (leases.Count < report.Wants && ledger.Take(report.Worker, Now) is { } lease) leases.Add(lease);
        if (staged.Any(part => part.Row >= 0)) _troubles.Done(report.Worker, Now);
        if (staged.Length > 0 || report.Failed.Length > 0 || leases.Count > 0) await _commit.Commit();
        return new WorkerOrders(staged, running, [.. leases], ledger.IsEnding, ledger.IsCancelled || ledger.IsComplete);
    }

    public Task<JobStatus?> Status()
    {
        if (_record.State.Spec is not { } spec) return Task.FromResult<JobStatus?>(null);
        var ledger = Ledger;
        LeaseStatus[] leases = [.. ledger.Leases.Select(pair => new LeaseStatus(pair.Lease.Worker, pair.Lease.Start, pair.Lease.End, pair.Begun, pair.Lease.Attempts))];
        string state = ledger.Failure is not null ? "failed" : ledger.IsCancelled ? "cancelled" : ledger.IsComplete ? "complete" : JobStatus.Running;
        return Task.FromResult<JobStatus?>(new JobStatus(spec, state, ledger.Snapshot(), leases, _troubles.All));
    }

    public async Task Cancel()
    {
        if (_record.State.Spec is null) return;
        Ledger.Cancel();
        await _commit.Commit();
    }

    private JobLedger Ledger => _ledger ?? throw new InvalidOperationException("the job is not begun, or its state is not known for sure; ask again");

    private bool IsOver => _ledger is { IsComplete: true } or { IsCancelled: true };

    private Troubles NewTroubles() => new(_options.Lease * PatientLeases, Now);

    private async Task TickAsync(CancellationToken cancel)
    {
        if (_ledger is not { } ledger) return;
        int lost = ledger.Expire(Now - _options.Lease, IsDead);
        if (lost > 0) _log.LogWarning("job {Job}: {Count} leases were lost", this.GetPrimaryKeyString(), lost);
        if (!IsOver && _troubles.Hopeless(Now, _silos.GetApproximateSiloStatuses(onlyActive: true).Keys.Select(silo => silo.ToParsableString())) is { } failure)
            ledger.Cancel(failure);
        if (lost > 0 || ledger.Accepted.Count > 0 || (IsOver && !_isTold)) await _commit.Commit();
    }

    private bool IsDead(string worker)
    {
        string address = worker[(worker.IndexOf('@') + 1)..];
        try
        {
            return _silos.GetApproximateSiloStatus(SiloAddress.FromParsableString(address)) == SiloStatus.Dead;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private Task Write()
    {
        _record.State.Ledger = Ledger.Snapshot();
        return _record.WriteStateAsync();
    }

    private async Task PublishAsync()
    {
        var ledger = Ledger;
        var spec = _record.State.Spec!;
        if (ledger.Accepted.Count > 0)
        {
            AcceptedPart[] parts = [.. ledger.Accepted];
            try
            {
                var published = await Task.Run(() => _publisher.Publish(spec, parts));
                for (int i = 0; i < parts.Length; i++) ledger.Published(parts[i], published[i]);
                _troubles.OfCoordinator(null);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                _troubles.OfCoordinator(error.Message);
            }
        }
        if (_isTold || !IsOver) return;
        _isTold = true;
        _ = _commit.Commit();
        if (!spec.IsAudit) await Task.Run(() => _publisher.Finish(spec));
        await GrainFactory.GetGrain<IFarmGrain>(0).Over(spec.Id);
    }

    // What is kept is not known: another activation reads it.
    private void GiveUp(Exception error)
    {
        _log.LogWarning(error, "job {Job}: its state could not be kept; it is read again", this.GetPrimaryKeyString());
        _ledger = null;
        DeactivateOnIdle();
    }
}
