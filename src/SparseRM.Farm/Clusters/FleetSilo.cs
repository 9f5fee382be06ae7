using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.MembershipService.SiloMetadata;
using SparseRM.Errors;

namespace SparseRM.Farm.Clusters;

/// <summary>A server that answers in a fleet.</summary>
/// <param name="Id">Its name, which no other one ever has.</param>
/// <param name="Address">Where its server is reached.</param>
/// <param name="Token">A secret of its own, which only members know.</param>
public sealed record FleetServer(string Id, Uri Address, string Token);

/// <summary>The membership of a fleet of servers: who is alive is Orleans' to say, where each is reached is part of its record there.</summary>
/// <remarks>No grain is in it: requests go from server to server.</remarks>
public sealed class FleetSilo : IAsyncDisposable
{
    private const string AddressFact = "address", TokenFact = "token";
    private readonly FarmSilo _silo;
    private readonly IClusterMembershipService _membership;
    private readonly ISiloMetadataCache _facts;

    private FleetSilo(FarmSilo silo, Uri address, string token)
    {
        _silo = silo;
        (_membership, _facts) = (silo.Services.GetRequiredService<IClusterMembershipService>(), silo.Services.GetRequiredService<ISiloMetadataCache>());
        Own = new FleetServer(silo.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress.ToParsableString(), address, token);
    }

    /// <summary>This member.</summary>
    public FleetServer Own { get; }

    /// <summary>All members that are alive and have told where they are reached.</summary>
    public IReadOnlyList<FleetServer> Live =>
        [.. _membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => Read(member.SiloAddress)).OfType<FleetServer>()];

    /// <summary>Joins the fleet, or begins it.</summary>
    /// <param name="options">How its machines find each other.</param>
    /// <param name="address">Where the others reach this server.</param>
    /// <param name="logging">Where messages go.</param>
    /// <param name="cancel">Ends the start.</param>
    /// <exception cref="SparseRMException">The database cannot be reached, or no port is free.</exception>
    public static async Task<FleetSilo> StartAsync(FarmOptions options, Uri address, Action<ILoggingBuilder> logging, CancellationToken cancel)
    {
        string token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var facts = new Dictionary<string, string> { [AddressFact] = address.ToString(), [TokenFact] = token };
        // A farm in the same database is another cluster.
        var silo = await FarmSilo.StartAsync(options with { Cluster = $"{options.Cluster}-fleet" }, logging, (_, _) => { }, cancel, silo => silo.UseSiloMetadata(facts)).ConfigureAwait(false);
        return new FleetSilo(silo, address, token);
    }

    /// <summary>Leaves: the others send nothing more here.</summary>
    public ValueTask DisposeAsync() => _silo.DisposeAsync();

    private FleetServer? Read(SiloAddress member) => _facts.GetSiloMetadata(member).Metadata is var facts
        && facts.TryGetValue(AddressFact, out string? address) && facts.TryGetValue(TokenFact, out string? token) ? new FleetServer(member.ToParsableString(), new Uri(address), token) : null;
}
