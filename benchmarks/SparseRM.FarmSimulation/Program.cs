using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using SparseRM.Farm;
using SparseRM.Farm.Clusters;
using SparseRM.Farm.Jobs;
using SparseRM.Farm.Simulation;

// The coordinator of a farm, as it is, with workers that compute nothing: how many shards a second it can hand out, keep and name, and what memory it takes.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int workers = Argument("--workers", 1000), shards = Argument("--shards", 1_000_000), port = Argument("--port", 11411);
string? postgres = Array.IndexOf(args, "--postgres") is >= 0 and var at ? args[at + 1] : null;

var names = new CountedNames();
await using var silo = await FarmSilo.StartAsync(new FarmOptions { Port = port, Postgres = postgres }, logging => logging.SetMinimumLevel(LogLevel.None), new Dictionary<string, string>(),
    (services, _) => services.AddSingleton<IPartPublisher>(names), CancellationToken.None);
var grains = silo.Services.GetRequiredService<IGrainFactory>();
var spec = new JobSpec($"simulation-{Guid.NewGuid():N}", "/input", "/no folder of this name", shards, 1, 3, "jsonl", IsAudit: false);
var job = grains.GetGrain<IJobGrain>(spec.Id);
if (await job.Start(spec, []) is { } problem) throw new InvalidOperationException(problem);
await grains.GetGrain<IFarmGrain>(0).Add(spec.Id);

Console.WriteLine($"{workers} workers, {shards} shards, state in {(postgres is null ? "memory" : "PostgreSQL")}, {Environment.ProcessorCount} cores");
Console.WriteLine("second    shards   a second    MiB");
var clock = Stopwatch.StartNew();
var memory = new List<(double Second, long Bytes)>();
using var stop = new CancellationTokenSource();
var watch = Task.Run(async () =>
{
    long before = 0;
    for (int tick = 1; !stop.IsCancellationRequested; tick++)
    {
        await Task.Delay(5000, stop.Token).ContinueWith(_ => { });
        long bytes = GC.GetTotalMemory(forceFullCollection: true), done = names.Count;
        memory.Add((clock.Elapsed.TotalSeconds, bytes));
        Console.WriteLine($"{clock.Elapsed.TotalSeconds,6:F0} {done,9} {(done - before) / 5,10} {bytes / 1048576.0,6:F1}");
        before = done;
    }
});
await Task.WhenAll(Enumerable.Range(0, workers).Select(number => FakeWorker.RunAsync(job, $"worker-{number}@{number}")));
double seconds = clock.Elapsed.TotalSeconds;
await stop.CancelAsync();
await watch;

while ((await job.Status())!.State != "complete") await Task.Delay(50);
var counts = (await job.Status())!.Counts;
if (names.Count != shards || counts.DoneRows != shards || names.Twice > 0) throw new InvalidOperationException($"{names.Count} named, {names.Twice} twice, {counts.DoneRows} done");
Console.WriteLine($"{shards} shards in {seconds:F1} s: {shards / seconds:F0} a second; each named once");
if (memory.Count > 3) Console.WriteLine($"managed memory after the first quarter {memory[memory.Count / 4].Bytes / 1048576.0:F1} MiB, at the end {memory[^2].Bytes / 1048576.0:F1} MiB");

int Argument(string name, int otherwise) => Array.IndexOf(args, name) is >= 0 and var index ? int.Parse(args[index + 1], CultureInfo.InvariantCulture) : otherwise;
