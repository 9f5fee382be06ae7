using System.CommandLine;
using System.Net;
using Microsoft.Extensions.Logging;
using SparseRM.Farm;
using SparseRM.Farm.Clusters;
using SparseRM.Server;
using SparseRM.Server.Fleet;

namespace SparseRM.Cli.Terminal;

/// <summary>How a server finds its fleet.</summary>
internal static class FarmFleet
{
    private const int DefaultPort = 11121;

    private static readonly Option<bool> s_cluster = new("--cluster")
    {
        Description = "answer with other servers: a request goes to the one that has its prompt's beginning; they find each other by --postgres or --redis, or on one machine by --cluster-port",
    };

    private static readonly Option<int?> s_port = Choices.Whole("--cluster-port", $"without both: port by which the servers of one machine find each other (default: {DefaultPort})", most: 65534);

    /// <summary>What the command takes.</summary>
    public static IReadOnlyList<Option> All { get; } = [s_cluster, s_port, FarmSettings.Postgres, FarmSettings.Redis, FarmSettings.Address, FarmSettings.Lease];

    /// <summary>Refuses what no fleet can have.</summary>
    /// <exception cref="UsageException">An option that goes with --cluster stands alone, --cluster-port stands beside a database, or others cannot reach this server.</exception>
    public static void Check(ParseResult args, IPEndPoint listen)
    {
        if (!args.GetValue(s_cluster))
        {
            foreach (var option in All.Skip(1))
                if (args.Has(option)) throw new UsageException($"{option.Name} says how the servers of a fleet find each other; add --cluster, or leave it out");
            return;
        }
        var address = IPAddress.Parse(args.Farm(s_port).Address);
        if (IPAddress.IsLoopback(listen.Address) != IPAddress.IsLoopback(address) && !listen.Address.Equals(IPAddress.Any) && !listen.Address.Equals(IPAddress.IPv6Any))
            throw new UsageException($"--listen: the others are told --address {address}, where {listen.Address} is not reached; give both an address of this machine that the others reach");
    }

    /// <summary>Finds out what would keep this server from joining, before its model is read.</summary>
    /// <exception cref="SparseRM.Errors.SparseRMException">The database cannot be used; the address is not this machine's; a port is another program's.</exception>
    public static Task CheckAsync(ParseResult args, CancellationToken cancel) => args.GetValue(s_cluster) ? FleetSilo.CheckAsync(Asked(args), cancel) : Task.CompletedTask;

    /// <summary>Joins, where that was asked for.</summary>
    /// <returns>The membership, to be left before the server stops; null where there is none.</returns>
    public static async Task<FleetSilo?> JoinAsync(ParseResult args, RewardServer server, Action<ILoggingBuilder> logging, CancellationToken cancel)
    {
        if (!args.GetValue(s_cluster)) return null;
        var options = Asked(args);
        var facts = FleetPeer.NewFacts(new UriBuilder(server.Address) { Host = options.Address }.Uri);
        var silo = await FleetSilo.StartAsync(options, facts, builder =>
        {
            logging(builder);
            builder.AddFilter("Orleans", LogLevel.None);
        }, cancel);
        try
        {
            await server.JoinAsync(FleetPeer.Of(silo.Id, facts)!, () => [.. silo.Live.Select(member => FleetPeer.Of(member.Id, member.Facts)).OfType<FleetPeer>()], cancel);
            return silo;
        }
        catch
        {
            await silo.DisposeAsync();
            throw;
        }
    }

    private static FarmOptions Asked(ParseResult args) => args.Farm(s_port) with { Port = args.GetValue(s_port) ?? DefaultPort };
}
