using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Tests;

/// <summary>Whatever workers and coordinators do, every row is in one published part, and what is kept does not grow with the number of shards.</summary>
public class JobLedgerTests
{
    private static readonly DateTime s_start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_row_is_published_once_whoever_dies(int seed)
    {
        var chaos = new LedgerChaos(seed, rows: 600_000, shardRows: 1000, workers: 20);
        chaos.Run();
        Assert.Equal(600_000, chaos.PublishedRows);
        Assert.True(chaos.Deaths > 20 && chaos.Zombies > 5 && chaos.Coordinators > 5 && chaos.Splits > 0, $"{chaos.Deaths} {chaos.Zombies} {chaos.Coordinators} {chaos.Splits}");
        Assert.True(chaos.MostKept < 200, $"{chaos.MostKept} entries were kept for 20 workers");
    }

    [Fact]
    public void A_shard_that_kills_its_workers_is_given_up_after_the_attempts_and_no_other_is()
    {
        var ledger = Begin(rows: 3000, shardRows: 1000);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            var lease = ledger.Take($"w{attempt}@x", s_start)!;
            Assert.Equal((0L, 1000L, attempt, null), (lease.Start, lease.End, lease.Attempts, lease.Refuse));
            Assert.Equal(1, ledger.Expire(DateTime.MinValue, worker => worker == lease.Worker));
        }
        var refused = ledger.Take("w@x", s_start)!;
        Assert.Equal("this row was not scored: its shard was given up after 3 attempts, in the last of which its worker died or went silent", refused.Refuse);
        Assert.Null(ledger.Take("w@x", s_start)!.Refuse);
        Assert.Equal(1000, ledger.Accept(refused.Id, "w@x", 1000, 1000, null));
        Assert.Equal((1L, 1000L, 3L, 3L), (ledger.Snapshot().RefusedShards, ledger.Snapshot().BadRows, ledger.Snapshot().LostLeases, ledger.Snapshot().Retries));
    }

    [Fact]
    public void A_shard_beside_one_that_kills_its_workers_is_not_given_up_with_it()
    {
        var ledger = Begin(rows: 2000, shardRows: 1000);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            string worker = $"w{attempt}@x";
            // It would take two at once.
            var poison = ledger.Take(worker, s_start)!;
            Assert.Equal((0L, attempt), (poison.Start, poison.Attempts));
            Assert.Equal(attempt == 0, ledger.Take(worker, s_start) is not null);
            ledger.Expire(DateTime.MinValue, dead => dead == worker);
        }
        Assert.NotNull(ledger.Take("w@x", s_start)!.Refuse);
        // Nor beside the rest of what its own worker has.
        Assert.Null(ledger.Take("w@x", s_start));
        var other = ledger.Take("v@x", s_start)!;
        Assert.Equal((1000L, 1, null), (other.Start, other.Attempts, other.Refuse));
    }

    [Fact]
    public void A_workers_own_fault_is_no_attempt_at_the_shard()
    {
        var ledger = Begin(rows: 1000, shardRows: 1000);
        for (int i = 0; i < 50; i++) ledger.Fail(ledger.Take("full@x", s_start)!.Id, "full@x", "the disk is full", Fault.Worker);
        Assert.Equal((0, null), ledger.Take("other@x", s_start) is { } lease ? (lease.Attempts, lease.Refuse) : (-1, null));
    }

    [Fact]
    public void A_device_that_fails_is_an_attempt_for_each_other_worker_who_gets_the_range_first()
    {
        var ledger = Begin(rows: 3000, shardRows: 1000);
        for (int i = 0; i < 5; i++)
        {
            var lease = ledger.Take("dead@x", s_start)!;
            Assert.Equal((0L, Math.Min(i, 1), null), (lease.Start, lease.Attempts, lease.Refuse));
            ledger.Fail(lease.Id, "dead@x", "the device is gone", Fault.Unclear);
        }
        var first = ledger.Take("other@x", s_start)!;
        Assert.Equal((0L, 1), (first.Start, first.Attempts));
        ledger.Accept(first.Id, "other@x", 1000, 0, null);
        var next = ledger.Take("dead@x", s_start)!;
        ledger.Fail(next.Id, "dead@x", "the device is gone", Fault.Unclear);
        // Not the range that it gave back: there is another now.
        var third = ledger.Take("dead@x", s_start)!;
        Assert.Equal((1000L, 2000L), (next.Start, third.Start));
        ledger.Accept(third.Id, "dead@x", 3000, 0, null);
        var back = ledger.Take("other@x", s_start)!;
        Assert.Equal((1000L, 1, null), (back.Start, back.Attempts, back.Refuse));
        // Rows over which the device of each worker fails are given up.
        ledger.Fail(back.Id, "other@x", "no memory left", Fault.Unclear);
        ledger.Fail(ledger.Take("dead@x", s_start)!.Id, "dead@x", "no memory left", Fault.Unclear);
        Assert.EndsWith("given up after 3 attempts, in the last of which no memory left", ledger.Take("other@x", s_start)!.Refuse);
    }

    [Fact]
    public void A_lease_that_was_lost_or_cut_writes_nothing_beyond_its_rows()
    {
        var ledger = Begin(rows: 4000, shardRows: 4000);
        var first = ledger.Take("a@x", s_start)!;
        Assert.Equal(4000, ledger.Renew(first.Id, "a@x", 1000, s_start));
        var half = ledger.Take("b@x", s_start)!;
        Assert.Equal((2500L, 4000L), (half.Start, half.End));
        // What the first has staged meanwhile has rows that are the other's.
        Assert.Equal(2500, ledger.Accept(first.Id, "a@x", 4000, 0, null));
        Assert.Equal(2500, ledger.Renew(first.Id, "a@x", 1500, s_start));
        Assert.Equal(1, ledger.Expire(DateTime.MinValue, worker => worker != "b@x"));
        var again = ledger.Take("c@x", s_start)!;
        Assert.Equal((0L, 2500L), (again.Start, again.End));
        Assert.Equal(-1, ledger.Accept(first.Id, "a@x", 2500, 0, null));
        Assert.Equal(-1, ledger.Renew(first.Id, "a@x", 2000, s_start));
        Assert.Equal(-1, ledger.Accept(again.Id, "b@x", 2500, 0, null));
        Assert.Equal(2500, ledger.Accept(again.Id, "c@x", 2500, 0, null));
        // An answer that was lost on its way is given again.
        Assert.Equal(2500, ledger.Accept(again.Id, "c@x", 2500, 0, null));
    }

    [Fact]
    public void A_split_leaves_what_will_be_begun_before_the_worker_hears_of_it()
    {
        var ledger = Begin(rows: 50_000, shardRows: 40_000);
        var at = s_start + TimeSpan.FromSeconds(10);
        var first = ledger.Take("a@x", s_start)!;
        Assert.False(ledger.IsEnding);
        // 1,000 rows a second, and heard of every 5 seconds while there are rows to give.
        ledger.Renew(first.Id, "a@x", 10_000, at);
        Assert.Equal((40_000L, 50_000L), ledger.Take("b@x", at) is { } rest ? (rest.Start, rest.End) : default);
        Assert.True(ledger.IsEnding);
        var half = ledger.Take("c@x", at)!;
        Assert.Equal((27_500L, 40_000L), (half.Start, half.End));
        // And every 0.3 seconds where there are none.
        Assert.Equal(27_500, ledger.Renew(first.Id, "a@x", 12_500, at + TimeSpan.FromSeconds(2.5)));
        var quarter = ledger.Take("d@x", at + TimeSpan.FromSeconds(2.5))!;
        Assert.Equal((20_150L, 27_500L), (quarter.Start, quarter.End));
    }

    [Fact]
    public void What_was_begun_before_the_coordinator_died_is_not_split_before_its_worker_reports()
    {
        var ledger = Begin(rows: 40_000, shardRows: 40_000);
        var lease = ledger.Take("a@x", s_start)!;
        var next = new JobLedger(Spec(40_000, 40_000), ledger.Snapshot(), s_start, new FarmOptions());
        Assert.Null(next.Take("b@x", s_start));
        next.Renew(lease.Id, "a@x", 20_000, s_start);
        // 1,000 rows a second since then, not the 20,000 that it had.
        next.Renew(lease.Id, "a@x", 21_000, s_start + TimeSpan.FromSeconds(1));
        Assert.Equal(40_000 - (19_000 - 300) / 2, next.Take("b@x", s_start + TimeSpan.FromSeconds(1))!.Start);
    }

    [Fact]
    public void Half_of_what_may_kill_its_worker_goes_to_one_that_has_nothing_else()
    {
        var ledger = Begin(rows: 3000, shardRows: 1000);
        ledger.Fail(ledger.Take("a@x", s_start)!.Id, "a@x", "the device is gone", Fault.Rows);
        Assert.Equal((0L, 1), ledger.Take("b@x", s_start) is { } suspect ? (suspect.Start, suspect.Attempts) : default);
        Assert.Equal(1000, ledger.Take("c@x", s_start)!.Start);
        Assert.Equal(2000, ledger.Take("d@x", s_start)!.Start);
        Assert.Equal(2500, ledger.Take("c@x", s_start)!.Start);
        Assert.Equal(500, ledger.Take("e@x", s_start)!.Start);
    }

    [Fact]
    public void An_audit_is_never_split_and_so_never_ending()
    {
        var spec = Spec(rows: 300, shardRows: int.MaxValue) with { IsAudit = true };
        var ledger = new JobLedger(spec, new LedgerState { Next = 300, Free = [new(0, 300, Maker: "a:1")] }, s_start, new FarmOptions());
        Assert.NotNull(ledger.Take("b:1@1", s_start));
        Assert.False(ledger.IsEnding);
    }

    [Fact]
    public void A_worker_that_is_late_is_thought_to_go_on()
    {
        var ledger = Begin(rows: 40_000, shardRows: 40_000);
        ledger.Renew(ledger.Take("a@x", s_start)!.Id, "a@x", 10_000, s_start + TimeSpan.FromSeconds(10));
        Assert.Equal(26_000, ledger.Take("b@x", s_start + TimeSpan.FromSeconds(12))!.Start);
    }

    [Fact]
    public void A_new_job_goes_on_between_the_parts_that_are_there()
    {
        var spec = Spec(rows: 5000, shardRows: 1000);
        var ledger = new JobLedger(spec, JobLedger.Begin(spec, [new(500, 1000), new(3200, 3300)]), s_start, new FarmOptions { Lease = s_lease });
        var taken = new List<(long, long)>();
        while (ledger.Take("a@x", s_start) is { } lease && taken.Count < 10) taken.Add((lease.Start, lease.End));
        Assert.Equal([(0, 500), (1000, 2000), (2000, 3000), (3000, 3200), (3300, 4300), (4300, 5000)], taken);
        Assert.Equal(600, ledger.Snapshot().DoneRows);
        var error = Assert.Throws<SparseRMException>(() => JobLedger.Begin(spec, [new(0, 1000), new(900, 1100)]));
        Assert.Equal("/out: its part of rows 900:1100 overlaps another, or ends behind the input's 5000 rows; choose another folder", error.Message);
        Assert.Throws<SparseRMException>(() => JobLedger.Begin(spec, [new(4000, 5001)]));
    }

    [Fact]
    public void An_audit_goes_to_another_machine_than_the_maker_where_there_is_one()
    {
        var spec = Spec(rows: 300, shardRows: int.MaxValue) with { IsAudit = true };
        var state = new LedgerState { Next = 300, Free = [new(0, 100, Maker: "a:1"), new(100, 200, Maker: "b:1"), new(200, 300, Maker: "c:1")] };
        var ledger = new JobLedger(spec, state, s_start, new FarmOptions { Lease = s_lease });
        // Alone it does even its own; with another one it waits for that.
        Assert.Equal(0, ledger.Take("b:1@1", s_start)!.Start);
        Assert.Equal(200, ledger.Take("b:1@1", s_start)!.Start);
        Assert.Equal(100, ledger.Take("a:1@1", s_start)!.Start);
        Assert.Equal(100, ledger.Accept(1, "b:1@1", 100, 0, null));
        Assert.Equal(300, ledger.Accept(2, "b:1@1", 300, 0, "differs"));
        Assert.Equal(200, ledger.Accept(3, "a:1@1", 200, 0, null));
        Assert.True(ledger.IsComplete);
        Assert.Equal((1L, "differs", 0L), (ledger.Snapshot().MismatchCount, ledger.Snapshot().Mismatches[0], ledger.Snapshot().SameMaker));
    }

    [Fact]
    public void A_maker_gets_its_own_part_again_only_where_no_other_came_for_a_lease()
    {
        var spec = Spec(rows: 200, shardRows: int.MaxValue) with { IsAudit = true };
        var state = new LedgerState { Next = 200, Free = [new(0, 100, Maker: "a:1"), new(100, 200, Maker: "a:1")] };
        var ledger = new JobLedger(spec, state, s_start, new FarmOptions { Lease = s_lease });
        Assert.Null(ledger.Take("a:1@1", s_start));
        Assert.Null(ledger.Take("a:1@1", s_start + s_lease / 2));
        Assert.Equal(0, ledger.Take("b:1@1", s_start + s_lease / 2)!.Start);
        Assert.Null(ledger.Take("a:1@1", s_start + s_lease));
        // The other one went away.
        ledger.Expire(s_start + s_lease, _ => false);
        Assert.NotNull(ledger.Take("a:1@1", s_start + 2 * s_lease));
        // What another failed over goes back to that one, not to its maker.
        state = new LedgerState { Next = 100, Free = [new(0, 100, Maker: "a:1")] };
        ledger = new JobLedger(spec with { Rows = 100 }, state, s_start, new FarmOptions { Lease = s_lease });
        Assert.Null(ledger.Take("a:1@1", s_start + s_lease / 2));
        ledger.Fail(ledger.Take("b:1@1", s_start)!.Id, "b:1@1", "the disk is full", Fault.Worker);
        Assert.Null(ledger.Take("a:1@1", s_start + s_lease));
        Assert.Equal(0, ledger.Take("b:1@1", s_start + s_lease)!.Start);
    }

    private static JobSpec Spec(long rows, int shardRows) => new("job", "/in", "/out", rows, shardRows, 3, "jsonl", IsAudit: false);

    private static JobLedger Begin(long rows, int shardRows) => new(Spec(rows, shardRows), JobLedger.Begin(Spec(rows, shardRows), []), s_start, new FarmOptions { Lease = s_lease });
}
