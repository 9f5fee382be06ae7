using System.Diagnostics;

namespace SparseRM.Farm.Tests;

/// <summary>A farm's parts are, line for line, what one process writes, whoever dies meanwhile.</summary>
public class FarmTests
{
    [Fact]
    public void Two_silos_with_nothing_set_up_score_a_file_and_audit_each_other()
    {
        using var farm = new TestFarm(null, rows: 3000);
        string whole = farm.Whole();
        var first = farm.Silo();
        farm.Silo();
        var done = farm.Done(farm.Submit("--shard-rows", "500"));
        Assert.Equal(("complete", 3000, 4), (done.GetProperty("state").GetString(), done.GetProperty("rows_done").GetInt32(), done.GetProperty("rows_bad").GetInt32()));
        farm.RequireLines(whole);

        // The same job again, and another one into the same folder.
        string[] times = [.. farm.Parts.Select(part => $"{part} {File.GetLastWriteTimeUtc(part):O}")];
        Assert.Equal("complete", farm.Done(farm.Submit("--shard-rows", "500")).GetProperty("state").GetString());
        Assert.Equal(times, farm.Parts.Select(part => $"{part} {File.GetLastWriteTimeUtc(part):O}"));

        var audit = farm.Farm("audit", "--input", farm.Input, "--output", farm.Output, "--sample", "100%");
        Assert.Equal((farm.Parts.Length, 0), (audit.GetProperty("shards_done").GetInt32(), audit.GetProperty("differing").GetInt32()));
        // A score that somebody changed, with a manifest to match.
        string part = farm.Parts[1].Replace(".manifest.json", ".jsonl"), text = File.ReadAllText(part);
        File.WriteAllText(part, text[..^3] + (text[^3] == '1' ? '2' : '1') + text[^2..]);
        var (code, _, error) = farm.Try("audit", "--input", farm.Input, "--output", farm.Output, "--sample", "100%");
        Assert.Equal(1, code);
        Assert.Contains($"{Path.GetFileName(part)}: the file is not the one that its manifest names", error);

        TestFarm.Signal(first, "TERM");
        Assert.True(first.WaitForExit(60_000));
        Assert.Equal(0, first.ExitCode);
    }

    [Fact]
    public void Dead_workers_a_dead_coordinator_and_a_dead_database_cost_no_row()
    {
        using var database = new Database();
        using var farm = new TestFarm(database, rows: 9000);
        string whole = farm.Whole();
        var silos = new List<Process> { farm.Silo(), farm.Silo(), farm.Silo() };
        var submit = farm.Submit("--shard-rows", "300");
        farm.WaitForParts(4);
        // One of the three coordinates: when two are killed one after another, a coordinator or a worker is among them.
        TestFarm.Kill(silos[0]);
        farm.WaitForParts(8);
        database.Restart(TimeSpan.FromSeconds(1));
        farm.WaitForParts(12);
        silos.Add(farm.Silo());
        TestFarm.Kill(silos[1]);
        var done = farm.Done(submit);
        Assert.Equal(("complete", 9000), (done.GetProperty("state").GetString(), done.GetProperty("rows_done").GetInt32()));
        farm.RequireLines(whole);
    }
}
