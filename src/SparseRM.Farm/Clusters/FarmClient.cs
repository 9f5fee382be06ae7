using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Hosting;
using SparseRM.Data;
using SparseRM.Errors;
using SparseRM.Farm.Jobs;
using SparseRM.Parts;

namespace SparseRM.Farm.Clusters;

/// <summary>Whoever submits jobs to a farm and asks how they stand.</summary>
public sealed class FarmClient : IAsyncDisposable
{
    // Who is there answers within moments, on a machine that has much to do within seconds.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly IHost _host;

    private FarmClient(IHost host) => _host = host;

    private IGrainFactory Grains => _host.Services.GetRequiredService<IGrainFactory>();

    private IFarmGrain Farm => Grains.GetGrain<IFarmGrain>(0);

    /// <summary>Connects to a farm.</summary>
    /// <exception cref="SparseRMException">No silo answers.</exception>
    public static async Task<FarmClient> ConnectAsync(FarmOptions options, CancellationToken cancel)
    {
        string none = $"no silo answers {options.Place}; start one with `sparserm farm silo`, or name the farm as its silos do";
        // Orleans would try for long, and at another program's port, too.
        if (options.IsInMemory && !SiloPorts.HasFirst(options)) throw new SparseRMException(none);
        if (options.Postgres is { } connection) await FarmDatabase.PrepareAsync(connection, cancel);
        if (options.Redis is { } servers) await FarmRedis.PrepareAsync(servers, cancel);
        var host = new HostBuilder()
            .ConfigureLogging(logging => logging.SetMinimumLevel(LogLevel.None))
            .UseOrleansClient((_, client) =>
            {
                if (!options.IsInMemory) client.Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = (options.Cluster, options.Cluster));
                if (options.Postgres is { } database) client.UseAdoNetClustering(clustering => (clustering.Invariant, clustering.ConnectionString) = (FarmDatabase.Invariant, database));
                else if (options.Redis is { } redis) client.UseRedisClustering(clustering => clustering.ConfigurationOptions = FarmRedis.Options(redis));
                else client.UseLocalhostClustering(options.Port + 1, options.Cluster, options.Cluster);
            })
            .Build();
        try
        {
            await host.StartAsync(cancel).WaitAsync(s_patience, cancel);
            return new FarmClient(host);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // What still tries to connect keeps nobody waiting.
            _ = Task.Run(host.Dispose, CancellationToken.None);
            throw new SparseRMException(none, error);
        }
    }

    /// <summary>Begins a job that scores all rows of a file, or joins the same one.</summary>
    /// <param name="input">The file, which every silo must see under the same path.</param>
    /// <param name="output">The folder, likewise.</param>
    /// <param name="rows">Rows of the file.</param>
    /// <param name="shardRows">Rows of a shard at most.</param>
    /// <param name="attempts">Attempts at a shard.</param>
    /// <param name="format">How parts are laid out.</param>
    /// <returns>The job's id, the same for the same folder.</returns>
    /// <exception cref="SparseRMException">Another job writes there, or the folder has parts of another input, in another format, or of other rows' text.</exception>
    public Task<string> SubmitAsync(RowFile input, string output, long rows, int shardRows, int attempts, RowFormat format)
    {
        string folder = Path.GetFullPath(output);
        string id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..12];
        return SubmitAsync(new JobSpec(id, Path.GetFullPath(input.Path), folder, rows, shardRows, attempts, PartFormats.Name(format), IsAudit: false), []);
    }

    /// <summary>Begins a job that computes parts of a folder again, each on another machine than the one that made it, where there is one.</summary>
    /// <param name="input">The file that was scored.</param>
    /// <param name="output">The folder.</param>
    /// <param name="share">Which share of the parts, at least one of them.</param>
    /// <param name="seed">Chooses them.</param>
    /// <param name="attempts">Attempts at a part.</param>
    /// <returns>The job's id.</returns>
    /// <exception cref="SparseRMException">The folder has no parts, or has parts of another input.</exception>
    public Task<string> AuditAsync(RowFile input, string output, double share, int seed, int attempts)
    {
        string folder = Path.GetFullPath(output);
        RowRange[] parts = Directory.Exists(folder) ? [.. PartFolder.Parts(folder)] : [];
        if (parts.Length == 0) throw new SparseRMException($"{output}: has no parts to audit; name a folder that farm submit or score --rows wrote");
        new Random(seed).Shuffle(parts);
        FreeRange[] chosen = [.. parts.Take(Math.Max(1, (int)Math.Ceiling(parts.Length * share)))
            .Select(rows => new FreeRange(rows.Start, rows.End, Maker: PartFolder.ManifestFor(folder, rows)?.MadeBy))];
        var format = PartFolder.FormatOf(folder);
        long all = chosen.Sum(part => part.End - part.Start);
        return SubmitAsync(new JobSpec($"audit-{Guid.NewGuid():N}"[..14], Path.GetFullPath(input.Path), folder, all, int.MaxValue, attempts, PartFormats.Name(format), IsAudit: true), chosen);
    }

    /// <summary>How a job stands; null where there is none of that id.</summary>
    public Task<JobStatus?> StatusAsync(string job) => Grains.GetGrain<IJobGrain>(job).Status();

    /// <summary>Ids of jobs, the oldest first.</summary>
    public Task<string[]> JobsAsync() => Farm.Jobs(openOnly: false);

    /// <summary>Ends a job.</summary>
    public Task CancelAsync(string job) => Grains.GetGrain<IJobGrain>(job).Cancel();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private async Task<string> SubmitAsync(JobSpec spec, FreeRange[] audited)
    {
        if (await Grains.GetGrain<IJobGrain>(spec.Id).Start(spec, audited) is { } problem) throw new SparseRMException(ErrorKind.Mismatch, problem);
        await Farm.Add(spec.Id);
        return spec.Id;
    }
}
