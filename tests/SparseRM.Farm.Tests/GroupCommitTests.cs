using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Tests;

/// <summary>Nobody who waits for a state to be kept waits for ever.</summary>
public class GroupCommitTests
{
    [Fact]
    public async Task Who_calls_while_the_work_after_a_write_fails_hears_of_it()
    {
        var fails = new TaskCompletionSource();
        var commit = new GroupCommit(() => Task.CompletedTask, () => fails.Task, _ => { });
        await commit.Commit();
        var second = commit.Commit();
        fails.SetException(new IOException("the folder is gone"));
        await Assert.ThrowsAsync<IOException>(() => second.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task A_write_that_fails_is_heard_by_its_callers_alone()
    {
        var kept = new TaskCompletionSource();
        int writes = 0, failed = 0;
        var commit = new GroupCommit(() => ++writes == 1 ? kept.Task : Task.CompletedTask, () => Task.CompletedTask, _ => failed++);
        var first = commit.Commit();
        while (Volatile.Read(ref writes) == 0) await Task.Delay(1);
        var second = commit.Commit();
        kept.SetException(new IOException("the database is gone"));
        await Assert.ThrowsAsync<IOException>(() => first.WaitAsync(TimeSpan.FromSeconds(30)));
        await second.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((2, 1), (writes, failed));
    }
}
