using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Simulation;

/// <summary>Takes one shard at a time, and says at once that it is staged.</summary>
internal static class FakeWorker
{
    public static async Task RunAsync(IJobGrain job, string name)
    {
        StagedPart[] staged = [];
        while (true)
        {
            var orders = await job.Exchange(new WorkerReport(name, staged, [], [], Wants: 1));
            staged = [.. orders.Leases.Select(lease => new StagedPart(lease.Id, lease.End, 0, null))];
            if (staged.Length == 0) return;
        }
    }
}
