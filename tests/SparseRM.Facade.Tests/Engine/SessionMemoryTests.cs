using SparseRM.Facade.Tests.Models;

namespace SparseRM.Facade.Tests.Engine;

/// <summary>Alone in the process: live bytes are counted of all of it.</summary>
[Collection(nameof(MemoryTests))]
public sealed class SessionMemoryTests(TinyReward tiny)
{
    [Fact]
    public void Ten_thousand_sessions_leave_nothing_behind()
    {
        using var world = new Alone(tiny, "gemma2");
        int[] prompt = [.. Enumerable.Range(0, 30)];
        using var parent = world.Scorer.OpenSession(prompt);
        parent.Score();
        Open(500);
        long bytes = world.Backbone.Counts.CachedBytes, managed = GC.GetTotalMemory(forceFullCollection: true);
        Open(9500);
        Assert.Equal(bytes, world.Backbone.Counts.CachedBytes);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - managed, long.MinValue, 200_000); // 20 bytes each would be seen

        void Open(int count)
        {
            for (int i = 0; i < count; i++)
            {
                using var session = i % 2 == 0 ? parent.Fork() : world.Scorer.OpenSession(prompt);
                session.Append(i % 200);
                if (i % 10 == 0) session.Score();
            }
        }
    }
}
