using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using SparseRM.Data;
using SparseRM.Farm.Jobs;
using SparseRM.Farm.Workers;
using SparseRM.Parts;

namespace SparseRM.Farm.Tests;

/// <summary>One job's faults are no other job's wait.</summary>
public sealed class OpenJobsTests : IDisposable
{
    private const string Worker = "here:1@here:1@1";
    private static readonly FarmOptions s_options = new() { Lease = TimeSpan.FromSeconds(6) };
    private readonly TemporaryFolder _folder = new();
    private readonly RewardScorer _scorer = RewardScorer.Open(SharedData.MiniWorld("reward.safetensors"), new BackboneOptions { Model = SharedData.MiniWorld("model"), Backend = "cpu", Threads = 1 });
    private readonly List<TestJob> _jobs = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;

    public void Dispose()
    {
        _stop.Cancel();
        // What never answers is waited for by nobody.
        _work.Wait(TimeSpan.FromSeconds(5));
        _stop.Dispose();
        _scorer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_job_whose_folder_cannot_be_written_delays_no_other()
    {
        var broken = Add("broken", shards: 8);
        File.WriteAllText(_folder.File("broken"), "where its folder would be");
        Start();
        // It was asked again after 1, 2 and 4 seconds; the next time is after 8.
        await Until(() => broken.Failures >= 5);
        // Those that were given it together report one after the other.
        int before;
        do
        {
            before = broken.Failures;
            await Task.Delay(500, TestContext.Current.CancellationToken);
        }
        while (broken.Failures > before);
        var sound = Add("sound", shards: 4);
        await Until(() => sound.Ledger.Accepted.Count == 4);
        Assert.Equal(before, broken.Failures);
    }

    [Fact]
    public async Task A_job_whose_coordinator_never_answers_delays_no_other()
    {
        Add("silent", shards: 4).IsSilent = true;
        var sound = Add("sound", shards: 4);
        Start();
        await Until(() => sound.Ledger.Accepted.Count == 4);
    }

    [Fact]
    public async Task A_job_that_cannot_be_joined_delays_no_other()
    {
        Add("barred", shards: 4).IsBarred = true;
        var sound = Add("sound", shards: 4);
        Start();
        await Until(() => sound.Ledger.Accepted.Count == 4);
    }

    [Fact]
    public async Task The_oldest_job_comes_first_and_younger_ones_get_what_it_leaves()
    {
        var (old, young) = (Add("old", shards: 6), Add("young", shards: 4));
        int before = -1;
        young.Given = () => before = before < 0 ? old.Ledger.Accepted.Count : before;
        Start();
        await Until(() => old.Ledger.Accepted.Count == 6 && young.Ledger.Accepted.Count == 4);
        Assert.InRange(before, 4, 6);
    }

    [Fact]
    public async Task Once_all_rows_are_given_a_worker_is_heard_of_as_often_as_others_ask_for_half()
    {
        // Two long shards: one heartbeat, a second, would not pass so often before the first of them is done.
        var job = Add("long", shards: 2, rows: 6000);
        Start();
        await Until(() => job.Reports >= 6 || job.Ledger.Accepted.Count > 0);
        Assert.Empty(job.Ledger.Accepted);
    }

    private TestJob Add(string name, int shards, int rows = 20)
    {
        string input = _folder.File($"{name}.jsonl");
        File.WriteAllLines(input, Enumerable.Range(0, rows * shards).Select(i => $$"""{"prompt": "Question {{i}}?", "response": "the cat"}"""));
        var spec = new JobSpec(name, input, _folder.File(name), rows * shards, rows, 3, "jsonl", IsAudit: false);
        var job = new TestJob(spec);
        lock (_jobs) _jobs.Add(job);
        return job;
    }

    private void Start()
    {
        var asked = new ScoreOptions();
        var means = new ScoringMeans(new PartScorer(_scorer, asked), ScoringFingerprint.Of(_scorer, SharedData.MiniWorld("reward.safetensors"), asked, addEos: false, CancellationToken.None));
        Task<string[]> Open()
        {
            lock (_jobs) return Task.FromResult<string[]>([.. _jobs.Where(job => job.Ledger.Accepted.Count * job.Spec.ShardRows < job.Spec.Rows).Select(job => job.Spec.Id)]);
        }

        IJobGrain Of(string id)
        {
            lock (_jobs) return _jobs.First(job => job.Spec.Id == id);
        }

        _work = Task.Run(() => new OpenJobs(Worker, Open, Of, means, s_options, NullLogger.Instance).RunAsync(_stop.Token));
    }

    private static async Task Until(Func<bool> isSo)
    {
        for (var clock = Stopwatch.StartNew(); !isSo(); await Task.Delay(10))
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), "not so after two minutes");
    }

    /// <summary>A coordinator in this process, with the ledger of a real one.</summary>
    private sealed class TestJob(JobSpec spec) : IJobGrain
    {
        private readonly Lock _lock = new();

        public JobSpec Spec => spec;

        public JobLedger Ledger { get; } = new(spec, JobLedger.Begin(spec, []), DateTime.UtcNow, s_options);

        public bool IsSilent { get; set; }

        public bool IsBarred { get; set; }

        public Action Given { get; set; } = () => { };

        public int Failures { get; private set; }

        public int Reports { get; private set; }

        public Task<JobSpec?> Join(string worker, string[] fingerprint) => IsBarred ? throw new TimeoutException("it does not answer") : Task.FromResult<JobSpec?>(spec);

        public Task<WorkerOrders> Exchange(WorkerReport report)
        {
            if (IsSilent) return new TaskCompletionSource<WorkerOrders>().Task;
            lock (_lock)
            {
                Reports++;
                Failures += report.Failed.Length;
                foreach (var failed in report.Failed) Ledger.Fail(failed.Lease, report.Worker, failed.Reason, failed.Fault);
                LeaseRow[] staged = [.. report.Staged.Select(part => new LeaseRow(part.Lease, Ledger.Accept(part.Lease, report.Worker, part.End, part.Bad, part.Mismatch)))];
                LeaseRow[] running = [.. report.Running.Select(lease => new LeaseRow(lease.Lease, Ledger.Renew(lease.Lease, report.Worker, lease.Row, DateTime.UtcNow)))];
                var leases = new List<Lease>();
                while (leases.Count < report.Wants && Ledger.Take(report.Worker, DateTime.UtcNow) is { } lease) leases.Add(lease);
                if (leases.Count > 0) Given();
                return Task.FromResult(new WorkerOrders(staged, running, [.. leases], Ledger.IsEnding, IsOver: Ledger.Accepted.Count * spec.ShardRows == spec.Rows));
            }
        }

        public Task<string?> Start(JobSpec spec, FreeRange[] audited) => throw new NotSupportedException();

        public Task<JobStatus?> Status() => throw new NotSupportedException();

        public Task Cancel() => throw new NotSupportedException();
    }
}
