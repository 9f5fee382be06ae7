using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Serialization;
using Orleans.Storage;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Farm.Workers;

namespace SparseRM.Farm.Clusters;

/// <summary>One machine of a farm: a member of the cluster with its one model, which computes shards.</summary>
public sealed class FarmSilo : IAsyncDisposable
{
    private const int LastJobs = 5;
    private readonly IHost _host;

    private FarmSilo(IHost host, int port, int gateway) => (_host, Port, Gateway) = (host, port, gateway);

    /// <summary>Where other silos reach it.</summary>
    public int Port { get; }

    /// <summary>Where clients do.</summary>
    public int Gateway { get; }

    /// <summary>Joins the farm, or begins it.</summary>
    /// <param name="options">How its machines find each other.</param>
    /// <param name="means">What this one computes with, by the name under which it makes parts.</param>
    /// <param name="logging">Where messages go.</param>
    /// <param name="cancel">Ends the start.</param>
    /// <exception cref="SparseRMException">The database cannot be reached, or no port is free.</exception>
    public static Task<FarmSilo> StartAsync(FarmOptions options, Func<string, ScoringMeans> means, Action<ILoggingBuilder> logging, CancellationToken cancel) =>
        StartAsync(options, logging, (services, port) => services
            .AddSingleton<IPartPublisher, FolderPublisher>()
            .AddSingleton(means($"{Environment.MachineName}:{port}"))
            .AddHostedService<FarmWorker>(), cancel);

    internal static async Task<FarmSilo> StartAsync(
        FarmOptions options, Action<ILoggingBuilder> logging, Action<IServiceCollection, int> configure, CancellationToken cancel, Action<ISiloBuilder>? more = null)
    {
        bool isFirst = options.IsInMemory && IsFree(options.Port) && IsFree(options.Port + 1);
        var (port, gateway) = isFirst ? (options.Port, options.Port + 1) : FreePorts();
        if (options.Postgres is { } connection) await FarmDatabase.PrepareAsync(connection, cancel);
        if (options.Redis is { } servers) await FarmRedis.PrepareAsync(servers);
        var host = new HostBuilder()
            .ConfigureLogging(logging)
            .UseOrleans((_, silo) =>
            {
                if (!options.IsInMemory) At(silo, options, port, gateway);
                if (options.Postgres is { } database) UseDatabase(silo, database);
                else if (options.Redis is { } redis) UseRedis(silo, redis);
                else
                {
                    silo.UseLocalhostClustering(port, gateway, isFirst ? null : new IPEndPoint(IPAddress.Loopback, options.Port), options.Cluster, options.Cluster)
                        .AddMemoryGrainStorage(FarmOptions.Storage);
                }
                more?.Invoke(silo);
                silo.Configure<SiloMessagingOptions>(messaging => messaging.ResponseTimeout = options.ResponseTimeout);
                silo.Configure<ClusterMembershipOptions>(membership =>
                {
                    membership.ProbeTimeout = options.Lease / 6;
                    membership.TableRefreshTimeout = options.Lease / 2;
                    membership.IAmAliveTablePublishTimeout = options.Lease;
                    membership.NumMissedProbesLimit = 3;
                    membership.DeathVoteExpirationTimeout = options.Lease * 4;
                });
            })
            .ConfigureServices((_, services) =>
            {
                services.AddSingleton(options);
                configure(services, port);
            })
            .Build();
        try
        {
            await host.StartAsync(cancel);
            return new FarmSilo(host, port, gateway);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            host.Dispose();
            throw new SparseRMException($"the silo cannot start ({error.GetBaseException().Message.TrimEnd('.')}); is another program at port {port} or {gateway}, or the first silo gone?", error);
        }
    }

    /// <summary>How the open jobs and the last few others stand, in Prometheus' text form.</summary>
    public async Task<string> MetricsAsync()
    {
        var grains = Services.GetRequiredService<IGrainFactory>();
        var farm = grains.GetGrain<IFarmGrain>(0);
        string[] open = await farm.Jobs(openOnly: true);
        string[] shown = [.. (await farm.Jobs(openOnly: false)).Except(open).TakeLast(LastJobs), .. open];
        var jobs = await Task.WhenAll(shown.Select(id => grains.GetGrain<IJobGrain>(id).Status()));
        return FarmMetrics.Write([.. jobs.OfType<JobStatus>()], Services.GetRequiredService<ISiloStatusOracle>().GetApproximateSiloStatuses(onlyActive: true).Count);
    }

    /// <summary>Services of the silo, for those who drive it in its own process.</summary>
    internal IServiceProvider Services => _host.Services;

    /// <summary>Gives its shards back and leaves.</summary>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static void At(ISiloBuilder silo, FarmOptions options, int port, int gateway) => silo
        .Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Cluster))
        .ConfigureEndpoints(IPAddress.Parse(options.Address), port, gateway, listenOnAnyHostAddress: !IPAddress.IsLoopback(IPAddress.Parse(options.Address)));

    private static void UseRedis(ISiloBuilder silo, string servers) => silo
        .UseRedisClustering(redis => redis.ConfigurationOptions = FarmRedis.Options(servers))
        .AddRedisGrainStorage(FarmOptions.Storage, storage => storage.Configure<Serializer>((redis, serializer) =>
            (redis.ConfigurationOptions, redis.GrainStorageSerializer) = (FarmRedis.Options(servers), new OrleansGrainStorageSerializer(serializer))));

    private static void UseDatabase(ISiloBuilder silo, string connection) => silo
        .UseAdoNetClustering(database => (database.Invariant, database.ConnectionString) = (FarmDatabase.Invariant, connection))
        .AddAdoNetGrainStorage(FarmOptions.Storage, storage => storage.Configure<Serializer>((database, serializer) =>
        {
            (database.Invariant, database.ConnectionString) = (FarmDatabase.Invariant, connection);
            database.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer);
        }));

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static (int, int) FreePorts()
    {
        using var one = new TcpListener(IPAddress.Loopback, 0);
        using var other = new TcpListener(IPAddress.Loopback, 0);
        one.Start();
        other.Start();
        return (((IPEndPoint)one.LocalEndpoint).Port, ((IPEndPoint)other.LocalEndpoint).Port);
    }
}
