using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Tests;

/// <summary>Workers that die, sleep and come back, and coordinators that are replaced, around a ledger; what is published is watched for overlaps.</summary>
internal sealed class LedgerChaos(int seed, long rows, int shardRows, int workers)
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(10);
    private readonly Random _random = new(seed);
    private readonly JobSpec _spec = new("job", "/in", "/out", rows, shardRows, int.MaxValue, "jsonl", IsAudit: false);
    private readonly HashSet<(long Lease, long Start, long End)> _staged = [];
    private readonly SortedDictionary<long, long> _published = [];
    private readonly List<(string Worker, Lease Lease, bool Sleeps)> _running = [];
    private LedgerState _kept = new();
    private DateTime _now = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private int _names;

    public long PublishedRows => _published.Sum(part => part.Value - part.Key);

    public int Deaths { get; private set; }

    public int Zombies { get; private set; }

    public int Coordinators { get; private set; }

    public long Splits { get; private set; }

    public int MostKept { get; private set; }

    public void Run()
    {
        _kept = JobLedger.Begin(_spec, []);
        var ledger = new JobLedger(_spec, Copy(_kept), _now, new FarmOptions { Lease = s_lease });
        string[] names = [.. Enumerable.Range(0, workers).Select(_ => $"w{_names++}@x")];
        for (int step = 0; !ledger.IsComplete; step++)
        {
            Assert.True(step < 1_000_000, "the job does not end");
            _now += TimeSpan.FromMilliseconds(100);
            int at = _random.Next(names.Length);
            switch (_random.Next(40))
            {
                case 0:
                    // Dies with what it has; another one comes in its place.
                    _running.RemoveAll(shard => shard.Worker == names[at] && !shard.Sleeps);
                    names[at] = $"w{_names++}@x";
                    Deaths++;
                    break;
                case 1:
                    // Sleeps longer than a lease, and reports when it wakes.
                    for (int i = 0; i < _running.Count; i++)
                        if (_running[i].Worker == names[at]) _running[i] = _running[i] with { Sleeps = true };
                    break;
                case 2:
                    // The coordinator dies; the next one knows what was kept. One that only seemed dead fails at its next write.
                    ledger = new JobLedger(_spec, Copy(_kept), _now, new FarmOptions { Lease = s_lease });
                    Coordinators++;
                    break;
                default:
                    Work(ledger, names[at]);
                    break;
            }
            Wake(ledger);
            ledger.Expire(_now - s_lease, _ => false);
            if (_random.Next(3) > 0) continue;
            Keep(ledger);
            foreach (var part in _kept.Accepted.ToArray()) Publish(ledger, part);
        }
        Splits = ledger.Snapshot().Splits;
    }

    private void Work(JobLedger ledger, string worker)
    {
        int mine = _running.FindIndex(shard => shard.Worker == worker && !shard.Sleeps);
        if (mine < 0)
        {
            if (ledger.Take(worker, _now) is not { } lease) return;
            // A worker begins only what was kept.
            Keep(ledger);
            _running.Add((worker, lease, false));
            return;
        }
        var shard = _running[mine].Lease;
        if (_random.Next(3) == 0)
        {
            long end = ledger.Renew(shard.Id, worker, _random.NextInt64(shard.End - shard.Start), _now);
            if (end < 0) _running.RemoveAt(mine);
            else _running[mine] = (worker, shard with { End = end }, false);
            return;
        }
        Report(ledger, worker, shard);
        _running.RemoveAt(mine);
    }

    private void Keep(JobLedger ledger)
    {
        _kept = Copy(ledger.Snapshot());
        MostKept = Math.Max(MostKept, _kept.Free.Count + _kept.Leases.Count + _kept.Accepted.Count);
    }

    private void Report(JobLedger ledger, string worker, Lease shard)
    {
        _staged.Add((shard.Id, shard.Start, shard.End));
        long end = ledger.Accept(shard.Id, worker, shard.End, 0, null);
        if (end >= 0 && end != shard.End) _running.Add((worker, shard with { End = end }, false));
    }

    private void Wake(JobLedger ledger)
    {
        int at = _running.FindIndex(shard => shard.Sleeps);
        if (at < 0 || _random.Next(60) > 0) return;
        var (worker, lease, _) = _running[at];
        _running.RemoveAt(at);
        Report(ledger, worker, lease);
        Zombies++;
    }

    private void Publish(JobLedger ledger, AcceptedPart part)
    {
        bool isThere = _staged.Contains((part.Lease, part.Start, part.End));
        if (isThere && !_published.ContainsKey(part.Start))
        {
            Assert.DoesNotContain(_published, other => other.Key < part.End && part.Start < other.Value);
            _published[part.Start] = part.End;
        }
        ledger.Published(part, isThere);
    }

    private static LedgerState Copy(LedgerState state) => state.With([.. state.Free], [.. state.Leases], [.. state.Accepted]);
}
