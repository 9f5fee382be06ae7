using SparseRM.Server.Fleet;

namespace SparseRM.Server.Tests.Fleet;

/// <summary>A member of a fleet in this process, with its own view of who is alive, behind a relay.</summary>
internal sealed class TestMember : IAsyncDisposable
{
    private volatile Func<IReadOnlyList<FleetPeer>> _live = () => [];

    private TestMember(string id, TestServer server, Relay relay)
    {
        (Server, Relay) = (server, relay);
        Peer = new FleetPeer(id, relay.Address, Guid.NewGuid().ToString("N"));
    }

    public TestServer Server { get; }

    public Relay Relay { get; }

    public FleetPeer Peer { get; }

    /// <summary>Whom it takes for alive.</summary>
    public Func<IReadOnlyList<FleetPeer>> Live
    {
        set => _live = value;
    }

    /// <summary>Members that know each other.</summary>
    public static async Task<TestMember[]> Fleet(Rewards rewards, int count, Func<ServerOptions, int, ServerOptions>? change = null)
    {
        var members = new TestMember[count];
        for (int i = 0; i < count; i++) members[i] = await Start(rewards, $"member {i}", options => change?.Invoke(options, i) ?? options);
        foreach (var member in members) await member.Join(members);
        foreach (var member in members) await member.Knows(count);
        return members;
    }

    public static async Task<TestMember> Start(Rewards rewards, string id, Func<ServerOptions, ServerOptions>? change = null)
    {
        var server = await rewards.Start(change);
        return new TestMember(id, server, await Relay.Start(server.Server.Address));
    }

    public Task Join(params TestMember[] all)
    {
        Live = () => [.. all.Select(member => member.Peer)];
        return Server.Server.JoinAsync(Peer, () => _live());
    }

    /// <summary>Waits until so many get requests from it, itself among them.</summary>
    public async Task Knows(int members)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (await Server.Metric("sparserm_fleet_members") is var count && count != members)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30), $"{count} members instead of {members}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Relay.DisposeAsync();
    }
}
