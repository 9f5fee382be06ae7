using Microsoft.Extensions.Logging;
using SparseRM.Server.Serving;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Http;

/// <summary>What all routes share.</summary>
internal sealed class ServerParts(ServerOptions options, ILogger log) : IDisposable
{
    /// <summary>What is served, and to whom.</summary>
    public ServerOptions Options => options;

    /// <summary>Where failures are told.</summary>
    public ILogger Log => log;

    /// <summary>The reward models.</summary>
    public RewardRegistry Registry { get; } = new(options);

    /// <summary>Counters.</summary>
    public ServerMetrics Metrics { get; } = new();

    /// <summary>The last scored texts.</summary>
    public RecentScores Recent { get; } = new(options.Keep);

    /// <summary>Results that are fetched later.</summary>
    public PendingResults Pending { get; } = new(options.Limits.PendingResults);

    /// <summary>The scorer.</summary>
    public ScoringCore Core => field ??= new ScoringCore(Registry, options, Metrics, Recent, log);

    /// <summary>Whether the server was told to stop: requests that were accepted are answered, others refused.</summary>
    public bool IsStopping { get; set; }

    /// <summary>The other servers that answer with this one; null where it is alone.</summary>
    public IFleet? Fleet { get; set; }

    /// <summary>Reads reward files again, in a fleet at all members, and says what became of each.</summary>
    public async Task<IReadOnlyList<ReloadResult>> ReloadAsync(string? name, CancellationToken cancel) =>
        [.. (await (Fleet?.ReloadAsync(name, cancel) ?? Registry.ReloadAsync(name, cancel)).ConfigureAwait(false)).Select(Told)];

    /// <summary>Counts and logs what became of a reward model that was read again.</summary>
    public ReloadResult Told(ReloadResult result)
    {
        Metrics.Reloaded(result.Problem is null);
        if (result.Problem is null) ServerLog.Reloaded(log, result.Name, result.Fingerprint);
        else ServerLog.NotReloaded(log, result.Name, result.Problem);
        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Fleet?.Dispose();
        Registry.Dispose();
    }
}
