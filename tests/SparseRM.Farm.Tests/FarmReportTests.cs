using System.Text.Json;

namespace SparseRM.Farm.Tests;

/// <summary>What programs read of a farm: numbers are numbers, and a job without one score is no success.</summary>
public class FarmReportTests
{
    [Fact]
    public async Task Jobs_and_leases_are_objects_and_a_job_of_bad_rows_alone_fails()
    {
        using var farm = new TestFarm(null, rows: 500, slow: new(0, 500));
        string page = $"127.0.0.1:{TestFarm.FreePort()}";
        farm.Silo(more: ["--metrics", page]);
        string bad = farm.Beside("bad.jsonl"), output = farm.Beside("bad scores");
        File.WriteAllLines(bad, Enumerable.Repeat("{bad", 300));
        for (int i = 0; i < 2; i++)
        {
            var (code, said, error) = farm.Try("submit", "--input", bad, "--output", output, "--json");
            Assert.Equal(1, code);
            Assert.Contains("no row has a score: all 300 are bad", error);
            Assert.Equal(("complete", 300), (JsonDocument.Parse(said).RootElement.GetProperty("state").GetString(), JsonDocument.Parse(said).RootElement.GetProperty("rows_bad").GetInt32()));
        }
        Assert.Equal(300, File.ReadAllLines(Path.Combine(output, "rows-000000000000-000000000300.jsonl")).Length);

        // One shard, which takes longer than it takes to ask.
        string job = farm.Done(farm.Submit("--shard-rows", "500", "--detach")).GetProperty("job").GetString()!;
        var jobs = farm.Farm("status").GetProperty("jobs");
        Assert.Equal(2, jobs.GetArrayLength());
        Assert.Equal(("complete", 300, 300, output),
            (jobs[0].GetProperty("state").GetString(), jobs[0].GetProperty("rows").GetInt32(), jobs[0].GetProperty("rows_done").GetInt32(), jobs[0].GetProperty("output").GetString()));
        Assert.Equal((job, "running"), (jobs[1].GetProperty("job").GetString(), jobs[1].GetProperty("state").GetString()));
        var lease = farm.Farm("status", job).GetProperty("leases")[0];
        Assert.Equal((0, 500, 1), (lease.GetProperty("rows_start").GetInt32(), lease.GetProperty("rows_end").GetInt32(), lease.GetProperty("attempt").GetInt32()));
        Assert.InRange(lease.GetProperty("rows_done").GetInt32(), 0, 500);
        Assert.Contains('@', lease.GetProperty("worker").GetString()!);
        using var client = new HttpClient();
        string[] metrics = (await client.GetStringAsync($"http://{page}/metrics", TestContext.Current.CancellationToken)).Split('\n');
        string before = farm.Farm("status").GetProperty("jobs")[0].GetProperty("job").GetString()!;
        Assert.All(metrics.SkipLast(1), line => Assert.Matches("""^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{job="[0-9a-f-]+",state="[a-z]+"\})? [0-9]+)$""", line));
        foreach (string line in (string[])["sparserm_farm_silos 1", $"sparserm_farm_workers{{job=\"{job}\",state=\"running\"}} 1", $"sparserm_farm_rows_total{{job=\"{before}\",state=\"complete\"}} 300",
            $"sparserm_farm_rows_bad_total{{job=\"{before}\",state=\"complete\"}} 300", $"sparserm_farm_shards_done_total{{job=\"{before}\",state=\"complete\"}} 1",
            $"sparserm_farm_shards_failed_total{{job=\"{before}\",state=\"complete\"}} 0", $"sparserm_farm_shards_retried_total{{job=\"{job}\",state=\"running\"}} 0"])
            Assert.Contains(line, metrics);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await client.GetAsync($"http://{page}/", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal("cancelled", farm.Farm("cancel", job).GetProperty("state").GetString());
    }
}
