using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using Orleans.Runtime.MembershipService.SiloMetadata;
using SparseRM.Errors;

namespace SparseRM.Farm.Clusters;

/// <summary>The membership of a fleet of servers: who is alive is Orleans' to say, what each tells the others of itself is part of its record there.</summary>
/// <remarks>No grain is in it: requests go from server to server.</remarks>
public sealed class FleetSilo : IAsyncDisposable
{
    private readonly FarmSilo _silo;
    private readonly IClusterMembershipService _membership;
    private readonly ISiloMetadataCache _facts;
    private bool _isLeft;

    private FleetSilo(FarmSilo silo)
    {
        _silo = silo;
        (_membership, _facts) = (silo.Services.GetRequiredService<IClusterMembershipService>(), silo.Services.GetRequiredService<ISiloMetadataCache>());
        Id = silo.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString();
    }

    /// <summary>This member's name, which no other one ever has.</summary>
    public string Id { get; }

    /// <summary>Names of all members that are alive, this one among them, with what each has told of itself; nothing where that did not come yet. None once this one leaves.</summary>
    public IReadOnlyList<(string Id, IReadOnlyDictionary<string, string> Facts)> Live => Volatile.Read(ref _isLeft) ? [] :
    [
        .. _membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active)
            .Select(member => (member.SiloAddress.ToParsableString(), (IReadOnlyDictionary<string, string>)_facts.GetSiloMetadata(member.SiloAddress).Metadata)),
    ];

    /// <summary>Ends, with the reason in one sentence, where this one can be a member no longer.</summary>
    public Task<string> Lost => _silo.Lost;

    /// <summary>Finds out what would keep a member from joining, before a model is read for it.</summary>
    /// <exception cref="SparseRMException">The database cannot be used; the address is not this machine's; a port is another program's.</exception>
    public static Task CheckAsync(FarmOptions options, CancellationToken cancel) => FarmSilo.CheckAsync(Of(options), cancel);

    /// <summary>Joins the fleet, or begins it.</summary>
    /// <param name="options">How its machines find each other.</param>
    /// <param name="facts">What this server tells the others of itself.</param>
    /// <param name="logging">Where messages go.</param>
    /// <param name="cancel">Ends the start.</param>
    /// <exception cref="SparseRMException">The database cannot be used; the address is not this machine's; a port is another program's; others were started otherwise.</exception>
    public static async Task<FleetSilo> StartAsync(FarmOptions options, IReadOnlyDictionary<string, string> facts, Action<ILoggingBuilder> logging, CancellationToken cancel) =>
        new(await FarmSilo.StartAsync(Of(options), logging, facts, (_, _) => { }, cancel).ConfigureAwait(false));

    /// <summary>Leaves: the others send nothing more here.</summary>
    public ValueTask DisposeAsync()
    {
        Volatile.Write(ref _isLeft, true);
        return _silo.DisposeAsync();
    }

    // A farm in the same database is another cluster.
    private static FarmOptions Of(FarmOptions options) => options with { Cluster = $"{options.Cluster}-fleet", PortOption = "--cluster-port" };
}
