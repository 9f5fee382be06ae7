using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Farm.Jobs;

/// <summary>Who has which rows of a job. Single-threaded; time is given to it.</summary>
/// <remarks>
/// Every row is in exactly one place: behind <see cref="LedgerState.Next"/>, in a free range, in a lease, in an accepted part, or done. What was given to nobody
/// is one number, so the state is as large as the number of workers.
/// </remarks>
public sealed class JobLedger
{
    /// <summary>Rows that half of a split shard has at least.</summary>
    public const int LeastSplit = 256;

    private const int MostMismatches = 20;
    private readonly JobSpec _spec;
    private readonly LedgerState _state;
    private readonly SortedDictionary<long, FreeRange> _free = [];
    private readonly Dictionary<long, Held> _leases = [];
    private readonly Dictionary<long, AcceptedPart> _accepted = [];
    private readonly Dictionary<string, DateTime> _workers = [];
    private readonly FarmOptions _options;
    private readonly DateTime _othersUntil;

    /// <summary>Goes on from a state.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="state">What was kept of it.</param>
    /// <param name="now">The time: every lease counts as heard of now.</param>
    /// <param name="options">How long a silent worker keeps a lease, and others have to come before a part goes to its own maker; how often a worker is heard of.</param>
    public JobLedger(JobSpec spec, LedgerState state, DateTime now, FarmOptions options)
    {
        (_spec, _state, _options, _othersUntil) = (spec, state, options, now + options.Lease);
        foreach (var range in state.Free) _free[range.Start] = range;
        foreach (var held in state.Leases) _leases[held.Id] = new Held(held, now, isNew: false);
        foreach (var part in state.Accepted) _accepted[part.Lease] = part;
    }

    /// <summary>The state of a new job, whose folder may have parts already.</summary>
    /// <param name="spec">The job.</param>
    /// <param name="parts">Rows of the parts, rising.</param>
    /// <exception cref="SparseRMException">Parts overlap or lie behind the end.</exception>
    public static LedgerState Begin(JobSpec spec, IReadOnlyList<RowRange> parts)
    {
        var state = new LedgerState { Next = 0 };
        foreach (var part in parts)
        {
            if (part.Start < state.Next || part.End > spec.Rows)
                throw new SparseRMException(ErrorKind.Mismatch, $"{spec.Output}: its part of rows {part} overlaps another, or ends behind the input's {spec.Rows} rows; choose another folder");
            for (long start = state.Next; start < part.Start; start += spec.ShardRows)
                state.Free.Add(new FreeRange(start, Math.Min(start + spec.ShardRows, part.Start)));
            (state.Next, state.DoneRows, state.Shards) = (part.End, state.DoneRows + part.Count, state.Shards + 1);
        }
        return state;
    }

    /// <summary>Whether every row is in a published part.</summary>
    public bool IsComplete => _state.Next >= _spec.Rows && _free.Count == 0 && _leases.Count == 0 && _accepted.Count == 0;

    /// <summary>Whether whoever asks for rows may get half of what another has.</summary>
    public bool IsEnding => !_spec.IsAudit && _state.Next >= _spec.Rows;

    /// <summary>Whether the user ended it, or it failed.</summary>
    public bool IsCancelled => _state.IsCancelled;

    /// <summary>Why it failed; null where it did not.</summary>
    public string? Failure => _state.Failure;

    /// <summary>Parts that wait for their names.</summary>
    public IReadOnlyCollection<AcceptedPart> Accepted => _accepted.Values;

    /// <summary>Leases, with the rows that each has begun.</summary>
    public IEnumerable<(Lease Lease, long Begun)> Leases => _leases.Values.Select(held => (held.Lease, held.Begun));

    /// <summary>What is to be kept, as it is now.</summary>
    public LedgerState Snapshot() =>
        _state.With([.. _free.Values], [.. _leases.Values.Select(held => held.Lease)], [.. _accepted.Values]);

    /// <summary>Gives a range to a worker: one that came back, the next one, or half of the longest that another has.</summary>
    /// <returns>Null where there is none.</returns>
    public Lease? Take(string worker, DateTime now)
    {
        _workers[worker] = now;
        // What may kill its worker is done alone, or what else the worker has would be an attempt, too.
        if (IsCancelled || _leases.Values.Any(held => held.Lease.Worker == worker && IsSuspect(held.Lease.Attempts))) return null;
        if (FreeFor(worker, now) is { } free)
        {
            _free.Remove(free.Start);
            string? refuse = free.Attempts < _spec.Attempts ? null
                : $"this row was not scored: its shard was given up after {free.Attempts} attempts, in the last of which {free.Reason}";
            return Give(new Lease(0, free.Start, free.End, free.Attempts, worker, refuse, free.Reason, free.Maker, free.FailedBy), now);
        }
        if (_state.Next < _spec.Rows)
        {
            long start = _state.Next;
            _state.Next = Math.Min(start + _spec.ShardRows, _spec.Rows);
            return Give(new Lease(0, start, _state.Next, 0, worker, null, null, null, null), now);
        }
        return Split(worker, now);
    }

    /// <summary>Hears that a lease is being worked on.</summary>
    /// <returns>The row behind the last one that it may write; -1 where it is lost.</returns>
    public long Renew(long lease, string worker, long begun, DateTime now)
    {
        _workers[worker] = now;
        if (IsCancelled || !_leases.TryGetValue(lease, out var held) || held.Lease.Worker != worker) return -1;
        held.Hear(begun, now, IsEnding ? _options.Idle : _options.Heartbeat);
        return held.Lease.End;
    }

    /// <summary>Hears that the part of a lease is staged.</summary>
    /// <returns>Its end where it is accepted or was before; another end where the lease was cut meanwhile; -1 where it is lost.</returns>
    public long Accept(long lease, string worker, long end, long bad, string? mismatch)
    {
        if (_accepted.TryGetValue(lease, out var before)) return before.End;
        if (IsCancelled || !_leases.TryGetValue(lease, out var held) || held.Lease.Worker != worker) return -1;
        if (held.Lease.End != end) return held.Lease.End;
        var own = held.Lease;
        _leases.Remove(lease);
        _state.BadRows += bad;
        _state.RefusedShards += own.Refuse is null ? 0 : 1;
        if (own.Maker is not null && MakerOf(worker) == own.Maker) _state.SameMaker++;
        if (mismatch is not null) Differs(mismatch);
        if (_spec.IsAudit) Done(own.Start, own.End);
        else _accepted[lease] = new AcceptedPart(lease, own.Start, own.End);
        return end;
    }

    /// <summary>Hears that accepted parts have their names, or that their files are gone.</summary>
    public void Published(AcceptedPart part, bool isThere)
    {
        if (!_accepted.Remove(part.Lease)) return;
        if (isThere) Done(part.Start, part.End);
        else _free[part.Start] = new FreeRange(part.Start, part.End, 0, "its part was gone before it had its name");
    }

    /// <summary>Hears that a worker cannot do a lease.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="worker">Who has it.</param>
    /// <param name="reason">Why, in one sentence.</param>
    /// <param name="fault">Whose fault it is: what counts as an attempt.</param>
    /// <returns>Whether the worker had the lease.</returns>
    public bool Fail(long lease, string worker, string reason, Fault fault)
    {
        if (!_leases.TryGetValue(lease, out var held) || held.Lease.Worker != worker) return false;
        // An audit writes nothing, so there a worker that fails for ever may as well be told of.
        bool isAttempt = fault == Fault.Rows || (fault == Fault.Unclear && (_spec.IsAudit || held.Lease.FailedBy != worker));
        GiveBack(held.Lease with { FailedBy = worker }, reason, isAttempt ? 1 : 0);
        return true;
    }

    /// <summary>Takes leases back from workers that went silent or are dead.</summary>
    /// <returns>How many.</returns>
    public int Expire(DateTime heardSince, Func<string, bool> isDead)
    {
        var lost = _leases.Values.Where(held => held.Heard < heardSince || isDead(held.Lease.Worker)).Select(held => held.Lease).ToArray();
        foreach (var lease in lost) GiveBack(lease, "its worker died or went silent", 1);
        foreach (string worker in _workers.Where(pair => pair.Value < heardSince).Select(pair => pair.Key).ToArray()) _workers.Remove(worker);
        _state.LostLeases += lost.Length;
        return lost.Length;
    }

    /// <summary>Ends the job; what is published stays.</summary>
    /// <param name="failure">Why, where nobody asked for it.</param>
    public void Cancel(string? failure = null)
    {
        (_state.IsCancelled, _state.Failure) = (true, failure);
        foreach (var held in _leases.Values.ToArray()) GiveBack(held.Lease, "the job was ended", 0);
    }

    /// <summary>The name under which a worker makes parts: <c>NAME@INSTANCE</c> without the instance.</summary>
    public static string MakerOf(string worker) => worker.Split('@')[0];

    private FreeRange? FreeFor(string worker, DateTime now)
    {
        string maker = MakerOf(worker);
        FreeRange? last = null;
        bool isBusy = _leases.Values.Any(held => held.Lease.Worker == worker);
        foreach (var range in _free.Values)
        {
            if (isBusy && IsSuspect(range.Attempts)) continue;
            if (range.Maker != maker && range.FailedBy != worker) return range;
            if (last is null && HasNoOther(range)) last = range;
        }
        return last;

        // Its own parts, and what it failed over, only where nobody else is there to do them.
        bool HasNoOther(FreeRange range) => range.Maker == maker
            ? now >= _othersUntil && _workers.Keys.All(other => MakerOf(other) == maker)
            : _workers.Keys.All(other => other == worker || MakerOf(other) == range.Maker);
    }

    private bool IsSuspect(int attempts) => attempts > 0 && attempts < _spec.Attempts;

    private Lease? Split(string worker, DateTime now)
    {
        if (_spec.IsAudit) return null;
        bool isBusy = _leases.Values.Any(held => held.Lease.Worker == worker);
        var (longest, left) = _leases.Values.Where(held => held.Lease.Refuse is null && held.Lease.Worker != worker && !(isBusy && IsSuspect(held.Lease.Attempts)))
            .Select(held => (Held: held, Left: held.LeftWhenToldAt(now))).DefaultIfEmpty().MaxBy(one => one.Left);
        if (longest is null || left < 2 * LeastSplit) return null;
        var lease = longest.Lease;
        long middle = lease.End - left / 2;
        longest.Lease = lease with { End = middle };
        _state.Splits++;
        return Give(lease with { Start = middle, Worker = worker }, now);
    }

    private Lease Give(Lease range, DateTime now)
    {
        var lease = range with { Id = ++_state.LastLease };
        _leases[lease.Id] = new Held(lease, now, isNew: true);
        return lease;
    }

    private void GiveBack(Lease lease, string reason, int attempts)
    {
        _leases.Remove(lease.Id);
        _state.Retries += attempts;
        if (_spec.IsAudit && lease.Attempts + attempts >= _spec.Attempts)
        {
            Differs($"rows {lease.Start}:{lease.End}: could not be computed again in {_spec.Attempts} attempts, in the last of which {reason}");
            Done(lease.Start, lease.End);
        }
        else _free[lease.Start] = new FreeRange(lease.Start, lease.End, lease.Attempts + attempts, reason, lease.Maker, lease.FailedBy);
    }

    private void Differs(string mismatch)
    {
        _state.MismatchCount++;
        if (_state.Mismatches.Count < MostMismatches) _state.Mismatches.Add(mismatch);
    }

    private void Done(long start, long end)
    {
        _state.DoneRows += end - start;
        _state.Shards++;
    }

    /// <param name="lease">The lease.</param>
    /// <param name="now">When it was given, or found in a kept state.</param>
    /// <param name="isNew">Whether nothing of it is begun; of one that was found nobody knows before its worker reports.</param>
    private sealed class Held(Lease lease, DateTime now, bool isNew)
    {
        private (DateTime At, long Begun)? _first = isNew ? (now, 0) : null;
        private DateTime _next = now;

        public Lease Lease { get; set; } = lease;

        public DateTime Heard { get; private set; } = now;

        public long Begun { get; private set; }

        public void Hear(long begun, DateTime now, TimeSpan untilNext)
        {
            (Heard, Begun, _next) = (now, begun, now + untilNext);
            _first ??= (now, begun);
        }

        // What is begun before its worker hears that it lost it would be computed twice.
        public long LeftWhenToldAt(DateTime now)
        {
            if (_first is not var (at, begun)) return 0;
            double known = (Heard - at).TotalSeconds, until = ((_next > now ? _next : now) - Heard).TotalSeconds;
            // A shard that was cut while it was staged is begun again.
            long done = Math.Max(0, Begun - begun);
            return Lease.End - Lease.Start - Begun - (known > 0 ? (long)(done / known * until) : 0);
        }
    }
}
