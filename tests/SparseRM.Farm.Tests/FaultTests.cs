using System.Diagnostics;
using System.Text.Json;
using Orleans.Runtime;
using SparseRM.Farm.Clusters;
using SparseRM.Farm.Jobs;

namespace SparseRM.Farm.Tests;

/// <summary>
/// The longer faults, each alone: <c>SparseRM.Farm.Tests --explicit only --filter-class '*FaultTests*'</c>. After each every row is there once, and the lines are
/// those of one process.
/// </summary>
public class FaultTests
{
    private const int Rows = 30_000;

    [Fact(Explicit = true)]
    public void A_silo_that_sleeps_longer_than_the_limit_overwrites_nothing_when_it_wakes()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, Rows);
        string whole = farm.Whole();
        Process[] silos = [farm.Silo(), farm.Silo(), farm.Silo()];
        var submit = farm.Submit("--shard-rows", "1000");
        farm.WaitForParts(4);
        TestFarm.Signal(silos[0], "STOP");
        var slept = Stopwatch.StartNew();
        // Its shards are done by others.
        var done = farm.Done(submit);
        Assert.True(done.GetProperty("leases_lost").GetInt32() > 0, $"{done}");
        string[] times = [.. farm.Parts.Select(part => $"{part} {File.GetLastWriteTimeUtc(part):O}")];
        Assert.True(slept.Elapsed > TimeSpan.FromSeconds(6));
        TestFarm.Signal(silos[0], "CONT");
        Thread.Sleep(5000);
        // What it staged asleep goes, too, as soon as a busy machine has woken it.
        for (var woken = Stopwatch.StartNew(); Directory.Exists(Path.Combine(farm.Output, ".staging")); Thread.Sleep(50)) Assert.True(woken.Elapsed < TimeSpan.FromMinutes(1));
        Assert.Equal(times, farm.Parts.Select(part => $"{part} {File.GetLastWriteTimeUtc(part):O}"));
        farm.RequireLines(whole);
    }

    [Fact(Explicit = true)]
    public void When_all_silos_are_killed_new_ones_go_on()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, Rows);
        string whole = farm.Whole();
        Process[] silos = [farm.Silo(), farm.Silo(), farm.Silo()];
        farm.Done(farm.Submit("--shard-rows", "1000", "--detach"));
        farm.WaitForParts(5);
        foreach (var silo in silos) silo.Kill();
        int parts = farm.Parts.Length;
        Assert.True(parts < Rows / 1000);
        farm.Silo();
        farm.Silo();
        farm.WaitForParts(parts + 2);
        farm.Done(farm.Submit("--shard-rows", "1000"));
        farm.RequireLines(whole);
    }

    [Fact(Explicit = true)]
    public void A_full_disk_on_one_worker_costs_it_its_shards_and_no_row()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, Rows);
        string whole = farm.Whole();
        // No file of this one may grow beyond 32 KiB.
        farm.Silo(fileBlocks: 64);
        farm.Silo();
        var done = farm.Done(farm.Submit("--shard-rows", "1000"));
        Assert.Equal(0, done.GetProperty("shards_refused").GetInt32());
        farm.RequireLines(whole);
    }

    [Fact(Explicit = true)]
    public void A_cut_between_two_silos_costs_no_row()
    {
        const int CutRows = 9000;
        using var network = new Network(3);
        using var database = new Database(network.Host);
        using var farm = new TestFarm(database, CutRows);
        string whole = farm.Whole();
        for (int i = 0; i < 3; i++) farm.Silo(on: network.On(i), more: ["--address", network.Address(i)]);
        var submit = farm.Submit("--shard-rows", "300");
        farm.WaitForParts(4);
        Assert.True(farm.Parts.Length < CutRows / 300);
        // Each is cut from one other in turn, so that the coordinator is among them; the third and the database reach both.
        foreach (var (one, other) in ((int, int)[])[(0, 1), (1, 2), (2, 0)])
        {
            int parts = farm.Parts.Length;
            network.Cut(one, other);
            var clock = Stopwatch.StartNew();
            // Longer than a lease, and until something was done meanwhile.
            while (!submit.HasExited && (clock.Elapsed < TimeSpan.FromSeconds(9) || farm.Parts.Length < parts + 2))
            {
                Assert.True(clock.Elapsed < TimeSpan.FromMinutes(2), $"{farm.Parts.Length} parts, {parts} before the cut");
                Thread.Sleep(50);
            }
            network.Mend(one, other);
        }
        var done = farm.Done(submit);
        Assert.Equal(("complete", CutRows, 0), (done.GetProperty("state").GetString(), done.GetProperty("rows_done").GetInt32(), done.GetProperty("shards_refused").GetInt32()));
        farm.RequireLines(whole);
    }

    [Fact(Explicit = true)]
    public async Task A_shard_that_kills_its_worker_each_time_becomes_rows_with_errors()
    {
        using var database = new Database();
        // Rows 3000 to 3500 are the poison: whoever has them is killed, until they are given up. They are too few to be split, and take a core ten seconds,
        // while the leases are looked at many times a second and all workers that will be killed are there before: nobody ends them in between.
        using var farm = new TestFarm(database, 6000, slow: new(3000, 3500));
        string[] whole = farm.Whole().Split('\n');
        for (int i = 0; i < 4; i++) farm.Silo();
        string job = farm.Done(farm.Submit("--shard-rows", "500", "--detach")).GetProperty("job").GetString()!;
        await using var client = await FarmClient.ConnectAsync(new FarmOptions { Postgres = database.Connection }, TestContext.Current.CancellationToken);
        int killed = 0;
        var clock = Stopwatch.StartNew();
        JobStatus? status = null;
        do
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(4), $"{killed} were killed: {status}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
            try
            {
                status = await client.StatusAsync(job);
            }
            catch (Exception error) when (error is TimeoutException or OrleansException)
            {
                // The coordinator may have been among the killed.
                continue;
            }
            foreach (var lease in status!.Leases)
            {
                if (lease.Start != 3000 || lease.Attempts == 3 || !farm.KillWorker(lease.Worker)) continue;
                killed++;
            }
        }
        while (status?.State is null or JobStatus.Running);
        Assert.True(killed == 3, $"{killed} were killed: {status}");
        Assert.Equal(("complete", 1L, 500L + whole.Count(line => line.Contains("is not valid JSON"))), (status.State, status.Counts.RefusedShards, status.Counts.BadRows));
        var lines = farm.Parts.SelectMany(part => File.ReadAllLines(part.Replace(".manifest.json", ".jsonl"))).ToArray();
        Assert.Equal(6000, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            if (i is < 3000 or >= 3500) Assert.Equal(whole[i], lines[i]);
            else Assert.Contains("its shard was given up after 3 attempts", JsonDocument.Parse(lines[i]).RootElement.GetProperty("error").GetString());
        }
    }
}
