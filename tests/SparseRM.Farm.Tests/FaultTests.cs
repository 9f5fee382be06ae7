using System.Diagnostics;
using System.Text.Json;

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
    public void A_shard_that_kills_its_worker_each_time_becomes_rows_with_errors()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, 12_000);
        string[] whole = farm.Whole().Split('\n');
        farm.Silo();
        string job = farm.Done(farm.Submit("--shard-rows", "3000", "--detach")).GetProperty("job").GetString()!;
        // Rows 3000 to 6000 are the poison: whoever has any of them is killed, until they are given up.
        int killed = 0;
        var silos = new List<Process> { farm.Silo() };
        var clock = Stopwatch.StartNew();
        while (farm.Farm("status", job) is var status && status.GetProperty("state").GetString() == "running")
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(4), $"{status}");
            foreach (string lease in status.GetProperty("leases").EnumerateArray().Select(lease => lease.GetString()!))
            {
                if (!lease.Contains(" 3000:") || lease.EndsWith("attempt 4")) continue;
                if (!farm.KillWorker(lease)) continue;
                killed++;
                farm.Silo();
            }
        }
        Assert.True(killed == 3, $"{killed} were killed: {farm.Farm("status", job)}");
        var lines = farm.Parts.SelectMany(part => File.ReadAllLines(part.Replace(".manifest.json", ".jsonl"))).ToArray();
        Assert.Equal(12_000, lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            if (i is < 3000 or >= 6000) Assert.Equal(whole[i], lines[i]);
            else Assert.Contains("its shard was given up after 3 attempts", JsonDocument.Parse(lines[i]).RootElement.GetProperty("error").GetString());
        }
    }
}
