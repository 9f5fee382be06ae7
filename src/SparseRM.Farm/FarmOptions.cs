namespace SparseRM.Farm;

/// <summary>How the machines of a farm find each other.</summary>
public sealed record FarmOptions
{
    internal const string Storage = "farm";
    private static readonly TimeSpan s_idle = TimeSpan.FromMilliseconds(300);

    /// <summary>Which of those that share a database, or a port, belong together.</summary>
    internal string Cluster { get; init; } = "sparserm";

    /// <summary>The option that sets <see cref="Port"/>, for messages.</summary>
    internal string PortOption { get; init; } = "--port";

    /// <summary>Where a client looks for silos, for messages.</summary>
    public string Place => IsInMemory ? $"at port {Port + 1} of this machine" : "that the database knows";

    /// <summary>Connection string of a PostgreSQL database that keeps members and jobs; null where <see cref="Redis"/> does, or nothing: one machine, whose first silo keeps them in memory.</summary>
    public string? Postgres { get; init; }

    /// <summary>A server of Redis' protocol that keeps them instead, such as <c>redis:6379,password=..</c>; what it forgets when it dies is lost
    /// (<c>appendonly yes</c>, <c>appendfsync always</c>).</summary>
    public string? Redis { get; init; }

    /// <summary>Whether nothing but the first silo's memory keeps anything.</summary>
    public bool IsInMemory => Postgres is null && Redis is null;

    /// <summary>Port of the first silo of a farm on one machine; its gateway has the next one. Further silos, and every silo of a farm with PostgreSQL or Redis, take free ports.</summary>
    public int Port { get; init; } = 11111;

    /// <summary>The address under which other machines reach this one.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>How long a silent worker keeps its shards; a silo that is silent for as long is declared dead.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a worker is heard of while there are rows to give.</summary>
    internal TimeSpan Heartbeat => Lease / 6;

    /// <summary>How often it asks where it has none, and is heard of where there are none to give: whoever has none gets half of what it has not begun.</summary>
    internal TimeSpan Idle => TimeSpan.FromTicks(Math.Min(Heartbeat.Ticks, s_idle.Ticks));

    /// <summary>How long a call waits for an answer: whoever is called may just have died.</summary>
    internal TimeSpan ResponseTimeout => TimeSpan.FromSeconds(Math.Max(10, Lease.TotalSeconds));
}
