using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Tests;

/// <summary>When work begins, and when it ends early.</summary>
public class WorkTests(Rewards rewards)
{
    [Fact]
    public async Task Making_ids_hears_a_cancel_and_the_deadline()
    {
        using var parts = new ServerParts(new ServerOptions { Backbone = Rewards.Backbone, Rewards = [new("true", rewards.True)], Listen = new(IPAddress.Loopback, 0) }, NullLogger.Instance);
        await parts.Registry.OpenAsync(TestContext.Current.CancellationToken);
        // Nothing of it reaches the engine, which would hear them itself.
        var work = new ScoreWork([new BadItem("a", new Fault(FaultKind.Field, "a is bad", "a"))]);
        long now = System.Diagnostics.Stopwatch.GetTimestamp();
        Assert.NotNull(Assert.Single((await parts.Core.ScoreAsync(work, now, CancellationToken.None)).Items).Fault);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => parts.Core.ScoreAsync(work, now, new CancellationToken(canceled: true)));
        var late = await Assert.ThrowsAsync<Fault>(() => parts.Core.ScoreAsync(work with { Deadline = TimeSpan.FromTicks(1) }, now, CancellationToken.None));
        Assert.Equal(FaultKind.Deadline, late.Kind);
    }

    [Fact]
    public void A_result_that_has_no_place_is_not_begun()
    {
        var pending = new PendingResults(1);
        var running = new TaskCompletionSource<PendingScore>();
        int begun = 0;
        Task<PendingScore> Begin()
        {
            begun++;
            return running.Task;
        }
        pending.Add(Begin);
        Assert.Equal(FaultKind.Full, Assert.Throws<Fault>(() => pending.Add(Begin)).Kind);
        Assert.Equal(1, begun);
    }
}
