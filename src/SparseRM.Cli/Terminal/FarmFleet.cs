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

    /// <summary>Joins, where that was asked for.</summary>
    /// <returns>The membership, to be left before the server stops; null where there is none.</returns>
    public static async Task<IAsyncDisposable?> JoinAsync(ParseResult args, RewardServer server, Action<ILoggingBuilder> logging, CancellationToken cancel)
    {
        if (!args.GetValue(s_cluster)) return null;
        var options = args.Farm(s_port) with { Port = args.GetValue(s_port) ?? DefaultPort };
        var reached = new UriBuilder(server.Address) { Host = options.Address }.Uri;
        var silo = await FleetSilo.StartAsync(options, reached, builder =>
        {
            logging(builder);
            builder.AddFilter("Orleans", LogLevel.None);
        }, cancel);
        try
        {
            await server.JoinAsync(Peer(silo.Own), () => [.. silo.Live.Select(Peer)], cancel);
            return silo;
        }
        catch
        {
            await silo.DisposeAsync();
            throw;
        }
    }

    private static FleetPeer Peer(FleetServer server) => new(server.Id, server.Address, server.Token);
}
