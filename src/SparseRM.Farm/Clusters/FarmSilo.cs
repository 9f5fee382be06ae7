using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Serialization;
using Orleans.Storage;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Farm.Workers;

namespace SparseRM.Farm.Clusters;

/// <summary>One machine of a farm: a member of the cluster with its one model, which computes shards.</summary>
public sealed class FarmSilo : IAsyncDisposable
{
    private const int LastJobs = 5, MostStarts = 3;
    private static readonly TimeSpan s_terms = TimeSpan.FromSeconds(1), s_last = TimeSpan.FromSeconds(5);
    private static readonly Dictionary<string, string> s_nothing = [];
    private readonly IHost _host;
    private readonly SiloEnd _end;
    private readonly SiloPorts _ports;
    private readonly CancellationTokenSource _leave = new();

    private FarmSilo(IHost host, SiloPorts ports) => (_host, _end, _ports) = (host, host.Services.GetRequiredService<SiloEnd>(), ports);

    /// <summary>Where other silos reach it.</summary>
    public int Port => _ports.Silo;

    /// <summary>Where clients do.</summary>
    public int Gateway => _ports.Gateway;

    /// <summary>Ends, with the reason in one sentence, where it can be a member no longer: the others took it for dead, or it was started otherwise than they were.</summary>
    public Task<string> Lost => _end.Task;

    /// <summary>Finds out what would keep a silo from starting, before a model is read for it.</summary>
    /// <exception cref="SparseRMException">The database cannot be used; the address is not this machine's; a port is another program's.</exception>
    public static async Task CheckAsync(FarmOptions options, CancellationToken cancel)
    {
        using var ports = await PrepareAsync(options, cancel);
    }

    /// <summary>Joins the farm, or begins it.</summary>
    /// <param name="options">How its machines find each other.</param>
    /// <param name="means">What this one computes with, by the name under which it makes parts.</param>
    /// <param name="logging">Where messages go.</param>
    /// <param name="cancel">Ends the start.</param>
    /// <exception cref="SparseRMException">The database cannot be used; the address is not this machine's; a port is another program's; others were started otherwise.</exception>
    public static Task<FarmSilo> StartAsync(FarmOptions options, Func<string, ScoringMeans> means, Action<ILoggingBuilder> logging, CancellationToken cancel) =>
        StartAsync(options, logging, s_nothing, (services, port) => services
            .AddSingleton<IPartPublisher, FolderPublisher>()
            .AddSingleton(means($"{Environment.MachineName}:{port}"))
            .AddHostedService<FarmWorker>(), cancel);

    internal static async Task<FarmSilo> StartAsync(
        FarmOptions options, Action<ILoggingBuilder> logging, IReadOnlyDictionary<string, string> facts, Action<IServiceCollection, int> configure, CancellationToken cancel)
    {
        for (int starts = 1; ; starts++)
        {
            var ports = await PrepareAsync(options, cancel);
            var host = Build(options, ports, logging, facts, configure);
            try
            {
                await host.StartAsync(cancel);
                var silo = new FarmSilo(host, ports);
                await silo.RequireTermsAsync(options, cancel);
                return silo;
            }
            catch (Exception error)
            {
                await StopAsync(host);
                ports.Dispose();
                // Another program, or another silo that was started just now, was faster.
                if (starts < MostStarts && error.GetBaseException() is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }) continue;
                if (error is OperationCanceledException or SparseRMException) throw;
                throw new SparseRMException($"the silo cannot start ({error.GetBaseException().Message.TrimEnd('.')}); {(options.IsInMemory
                    ? $"where the first silo, at port {options.Port}, is gone, stop all others and start them again" : "see that the database serves its other users")}", error);
            }
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
        await _leave.CancelAsync();
        // Who is no member cannot leave in order.
        if (Lost.IsCompleted) await StopAsync(_host);
        else
        {
            await _host.StopAsync();
            _host.Dispose();
        }
        _ports.Dispose();
    }

    private static async Task<SiloPorts> PrepareAsync(FarmOptions options, CancellationToken cancel)
    {
        if (options.Postgres is { } connection) await FarmDatabase.PrepareAsync(connection, cancel);
        if (options.Redis is { } servers) await FarmRedis.PrepareAsync(servers, cancel);
        return await SiloPorts.ChooseAsync(options, cancel);
    }

    private static IHost Build(FarmOptions options, SiloPorts ports, Action<ILoggingBuilder> logging, IReadOnlyDictionary<string, string> facts, Action<IServiceCollection, int> configure) =>
        new HostBuilder()
            .ConfigureLogging(logging)
            .UseOrleans((_, silo) =>
            {
                if (!options.IsInMemory) At(silo, options, ports);
                if (options.Postgres is { } database) UseDatabase(silo, database);
                else if (options.Redis is { } redis) UseRedis(silo, redis);
                else
                {
                    silo.UseLocalhostClustering(ports.Silo, ports.Gateway, ports.IsFirst ? null : new IPEndPoint(IPAddress.Loopback, options.Port), options.Cluster, options.Cluster)
                        .AddPlacementDirector<FirstSiloPlacement, FirstSiloDirector>();
                    silo.Services.AddSingleton<PlacementStrategy, FirstSiloPlacement>()
                        .AddGrainStorage(FarmOptions.Storage, (services, _) => new ProcessMemory(services.GetRequiredService<Serializer>()));
                }
                silo.UseSiloMetadata(SiloTerms.Facts(options, facts));
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
                services.AddSingleton(options).AddSingleton<SiloEnd>().AddSingleton<IFatalErrorHandler>(provider => provider.GetRequiredService<SiloEnd>());
                configure(services, ports.Silo);
            })
            .Build();

    // Who is there answers within moments; a member that just died does not, and is no reason to wait.
    private async Task RequireTermsAsync(FarmOptions options, CancellationToken cancel)
    {
        var difference = SiloTerms.DifferenceAsync(Services, options, _leave.Token);
        await Task.WhenAny(difference, Task.Delay(s_terms, cancel));
        cancel.ThrowIfCancellationRequested();
        if (difference.IsCompleted && await difference is { } problem) throw new SparseRMException(ErrorKind.Mismatch, problem);
        _ = TellAsync(difference);
    }

    private async Task TellAsync(Task<string?> difference)
    {
        try
        {
            if (await difference is { } problem) _end.Set(problem);
        }
        catch (Exception) when (_leave.IsCancellationRequested)
        {
            // It left before all had answered.
        }
    }

    private static async Task StopAsync(IHost host)
    {
        using var late = new CancellationTokenSource(s_last);
        try
        {
            await host.StopAsync(late.Token).WaitAsync(s_last * 2);
        }
        catch (Exception)
        {
            // The reason why it stops is the one to report.
        }
        // What hangs in it may not keep the process.
        await Task.WhenAny(Task.Run(host.Dispose), Task.Delay(s_last));
    }

    private static void At(ISiloBuilder silo, FarmOptions options, SiloPorts ports) => silo
        .Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Cluster))
        .ConfigureEndpoints(ports.Address, ports.Silo, ports.Gateway, listenOnAnyHostAddress: false);

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
}
