using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Workers;

/// <summary>A silo's worker, as the cluster has it.</summary>
/// <param name="grains">The farm.</param>
/// <param name="silo">This silo.</param>
/// <param name="means">What computes.</param>
/// <param name="options">Lease and heartbeat.</param>
/// <param name="log">Hears of what goes wrong.</param>
internal sealed class FarmWorker(IGrainFactory grains, ILocalSiloDetails silo, ScoringMeans means, FarmOptions options, ILogger<FarmWorker> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host starts what follows only when this yields.
        await Task.Yield();
        string name = $"{Environment.MachineName}:{silo.SiloAddress.Endpoint.Port}@{silo.SiloAddress.ToParsableString()}";
        await new OpenJobs(name, () => grains.GetGrain<IFarmGrain>(0).Jobs(openOnly: true), id => grains.GetGrain<IJobGrain>(id), means, options, log).RunAsync(stoppingToken);
    }
}
