using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Farm.Workers;

namespace SparseRM.Farm.Tests;

/// <summary>A job is given up only where no silo that is alive can do anything of it.</summary>
public class TroublesTests
{
    private static readonly DateTime s_start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), s_late = s_start.AddMinutes(6);

    [Fact]
    public void A_job_that_all_silos_refuse_or_fail_is_given_up_and_no_other_is()
    {
        var troubles = new Troubles(TimeSpan.FromMinutes(5), s_start);
        Assert.Null(troubles.Hopeless(s_late, ["A", "B"]));
        troubles.Refused("a:1@A", "computes by other means");
        // The other is busy with another job.
        Assert.Null(troubles.Hopeless(s_late, ["A", "B"]));
        for (int i = 0; i < Troubles.EnoughFailures; i++)
        {
            Assert.Null(troubles.Hopeless(s_late, ["A", "B"]));
            troubles.Failed("b:1@B", "cannot read the input");
        }
        Assert.Null(troubles.Hopeless(s_start.AddMinutes(4), ["A", "B"]));
        Assert.Equal("no silo of the farm could do any of its rows for 300 s; the last problem: b:1@B cannot read the input", troubles.Hopeless(s_late, ["A", "B"]));
        Assert.Null(troubles.Hopeless(s_late, ["A", "B", "C"]));
        Assert.Equal(["a:1@A: computes by other means", "b:1@B: cannot read the input"], troubles.All);
        troubles.Done("b:1@B", s_late);
        Assert.Null(troubles.Hopeless(s_late.AddMinutes(6), ["A", "B"]));
        Assert.Equal(["a:1@A: computes by other means"], troubles.All);
    }

    [Fact]
    public void A_job_that_failed_says_so_and_gives_nothing_more()
    {
        var spec = new JobSpec("job", "/in", "/out", 100, 10, 3, "jsonl", IsAudit: false);
        var ledger = new JobLedger(spec, JobLedger.Begin(spec, []), s_start, new FarmOptions());
        ledger.Cancel("no silo could do it");
        Assert.Null(ledger.Take("a:1@A", s_start));
        Assert.Equal((true, "no silo could do it"), (ledger.Snapshot().IsCancelled, ledger.Snapshot().Failure));
    }

    [Fact]
    public void A_device_or_a_file_out_of_sight_may_be_the_workers_fault_or_the_rows()
    {
        Assert.Equal(Fault.Unclear, ShardTask.FaultOf(new SparseRMException(ErrorKind.Device, "the device is gone")));
        Assert.Equal(Fault.Unclear, ShardTask.FaultOf(new OutOfMemoryException()));
        Assert.Equal(Fault.Unclear, ShardTask.FaultOf(new DataFormatException("/in", 0, "there is no such file")));
        Assert.Equal(Fault.Rows, ShardTask.FaultOf(new DataFormatException("/in", 7, "is not UTF-8")));
        Assert.Equal(Fault.Worker, ShardTask.FaultOf(new IOException("the disk is full")));
        Assert.Equal(Fault.Worker, ShardTask.FaultOf(new SparseRMException(ErrorKind.Mismatch, "other means")));
        Assert.Equal(Fault.Rows, ShardTask.FaultOf(new SparseRMException(ErrorKind.Numeric, "is NaN")));
    }
}
