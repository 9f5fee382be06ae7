using Orleans.Runtime;

namespace SparseRM.Farm.Jobs;

/// <summary>A job in the farm's list.</summary>
/// <param name="Id">Its id.</param>
/// <param name="IsOver">Whether it is complete or was ended.</param>
[GenerateSerializer, Immutable]
public sealed record ListedJob(string Id, bool IsOver);

/// <summary>What the farm keeps.</summary>
[GenerateSerializer]
public sealed class FarmRecord
{
    /// <summary>Jobs, the oldest first.</summary>
    [Id(0)] public List<ListedJob> Jobs { get; set; } = [];
}

/// <summary>The list of jobs.</summary>
internal sealed class FarmGrain([PersistentState("farm", FarmOptions.Storage)] IPersistentState<FarmRecord> record) : Grain, IFarmGrain
{
    private const int MostOver = 100;

    public async Task Add(string job)
    {
        bool isOver = await IsOver(job);
        record.State.Jobs.RemoveAll(listed => listed.Id == job);
        record.State.Jobs.Add(new ListedJob(job, isOver));
        await record.WriteStateAsync();
    }

    public Task<string[]> Jobs(bool openOnly) => Task.FromResult<string[]>([.. record.State.Jobs.Where(job => !openOnly || !job.IsOver).Select(job => job.Id)]);

    public async Task Over(string job)
    {
        int at = record.State.Jobs.FindIndex(listed => listed.Id == job);
        // It may have begun again since it said so.
        if (at < 0 || record.State.Jobs[at].IsOver || !await IsOver(job)) return;
        record.State.Jobs[at] = new ListedJob(job, true);
        int over = record.State.Jobs.Count(listed => listed.IsOver);
        record.State.Jobs.RemoveAll(listed => listed.IsOver && over-- > MostOver);
        await record.WriteStateAsync();
    }

    private async Task<bool> IsOver(string job) => await GrainFactory.GetGrain<IJobGrain>(job).Status() is not { State: JobStatus.Running };
}
