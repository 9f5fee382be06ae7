using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace SparseRM.Farm.Tests;

/// <summary>A farm's parts are, line for line, what one process writes, whoever dies meanwhile.</summary>
public class FarmTests
{
    [Fact]
    public void Without_a_database_a_silo_that_dies_takes_no_job_with_it_unless_it_is_the_first()
    {
        using var farm = new TestFarm(null, rows: 6000, slow: new(0, 200));
        string whole = farm.Whole();
        farm.Silo();
        var second = farm.Silo();
        var submit = farm.Submit("--shard-rows", "300");
        farm.WaitForParts(2);
        TestFarm.Kill(second);
        // A job that this silo alone would have kept is not known any more.
        Assert.Equal("running", farm.Farm("status").GetProperty("jobs")[0].GetProperty("state").GetString());
        Assert.Equal("complete", farm.Done(submit).GetProperty("state").GetString());
        farm.RequireLines(whole);
    }

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
        // Scores that somebody changed: alone, with a manifest to match, and with one that says that the rows were given up.
        string[] changed = [.. farm.Parts[1..4].Select(part => Path.GetFileName(part).Replace(".manifest.json", ".jsonl"))];
        Change(farm.Parts[1], (manifest, _, _) => manifest);
        Change(farm.Parts[2], (manifest, before, after) => manifest.Replace($"\"output_sha256\": \"{before}", $"\"output_sha256\": \"{after}"));
        Change(farm.Parts[3], (manifest, before, after) => manifest.Replace(before, after).Replace("\"made_by\"", "\"refused\": \"its shard was given up\", \"made_by\""));
        var (code, output, error) = farm.Try("audit", "--input", farm.Input, "--output", farm.Output, "--sample", "100%", "--json");
        Assert.Equal(1, code);
        Assert.Contains($"3 of {farm.Parts.Length} parts differ", error);
        string[] differences = [.. JsonDocument.Parse(output).RootElement.GetProperty("differences").EnumerateArray().Select(difference => difference.GetString()!).Order()];
        Assert.Equal(
            [$"{changed[0]}: the file is not the one that its manifest names: it is gone or its hash is another", $"{changed[1]}: computed again its rows have other lines than it holds",
                $"{changed[2]}: holds other lines than the errors of rows that were given up, as its manifest says"], differences);

        // As many rows and bytes of another text.
        string text = File.ReadAllText(farm.Input);
        File.WriteAllText(farm.Input, text[..^100].Replace("\"id\": 8,", "\"id\": 9,") + text[^100..]);
        (code, _, error) = farm.Try("submit", "--input", farm.Input, "--output", farm.Output, "--shard-rows", "500");
        Assert.Equal(1, code);
        Assert.Contains("was made of another text of rows 0:", error);

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

    [Fact]
    public void Redis_keeps_members_and_jobs_as_a_database_does()
    {
        using var redis = new RedisServer();
        using var farm = new TestFarm(redis, rows: 6000);
        string whole = farm.Whole();
        var silos = new List<Process> { farm.Silo(), farm.Silo(), farm.Silo() };
        var submit = farm.Submit("--shard-rows", "300");
        farm.WaitForParts(3);
        TestFarm.Kill(silos[0]);
        farm.WaitForParts(6);
        redis.Restart(TimeSpan.FromSeconds(1));
        farm.WaitForParts(9);
        TestFarm.Kill(silos[1]);
        var done = farm.Done(submit);
        Assert.Equal(("complete", 6000), (done.GetProperty("state").GetString(), done.GetProperty("rows_done").GetInt32()));
        farm.RequireLines(whole);
        var (code, _, error) = farm.Try("status", "--postgres", "Host=db");
        Assert.Equal(2, code);
        Assert.Contains("both PostgreSQL and Redis are named", error);
    }

    // The last digit of the first score, and the manifest with the hash before and after.
    private static void Change(string manifest, Func<string, string, string, string> change)
    {
        string part = manifest.Replace(".manifest.json", ".jsonl"), before = Hash(part);
        File.WriteAllText(part, new Regex("(\"score\": [^,}]*)([0-9])").Replace(File.ReadAllText(part), match => match.Groups[1].Value + (match.Groups[2].Value == "1" ? "2" : "1"), 1));
        string after = Hash(part), said = File.ReadAllText(manifest), changed = change(said, before, after);
        Assert.NotEqual(before, after);
        File.WriteAllText(manifest, changed);
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
