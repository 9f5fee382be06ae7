using System.Net;
using System.Text.Json;
using SparseRM.Scoring;

namespace SparseRM.Farm.Tests;

/// <summary>Servers that answer together: a group's answers share their prompt wherever they are posted, and who dies costs nobody a score.</summary>
public sealed class FleetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<FleetProcess> _members = [];
    private readonly RewardScorer _scorer = RewardScorer.Open(SharedData.MiniWorld("reward.safetensors"), new BackboneOptions { Model = SharedData.MiniWorld("model"), Backend = "cpu", Threads = 1 });

    public void Dispose()
    {
        foreach (var member in _members) member.Dispose();
        _scorer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Sixteen_answers_in_sixteen_posts_to_different_members_compute_the_prompt_once()
    {
        using var database = new Database();
        await Start(database, 3);
        string prompts(int group) => $"Question {group}: " + string.Join(' ', Enumerable.Repeat("the cat and the dog", 20));
        var owners = new HashSet<int>();
        for (int group = 0; group < 12; group++)
        {
            string prompt = prompts(group), other = prompt;
            double[] before = await Computed();
            float[] scores = new float[16];
            scores[0] = (await _members[group % 3].Score(prompt, "answer number 0")).Score;
            await Task.WhenAll(Enumerable.Range(1, 15).Select(async i => scores[i] = (await _members[i % 3].Score(other, $"answer number {i}")).Score));
            for (int i = 0; i < 16; i++) Assert.Equal(_scorer.Score(prompt, $"answer number {i}"), scores[i]);
            double[] computed = [.. (await Computed()).Zip(before, (after, then) => after - then)];
            int whole = _scorer.Backbone.Encoder.Encode([new("user", prompt), new("assistant", "answer number 1")]).Ids.Length;
            Assert.True(whole > 100, $"{whole} tokens");
            // One member computed all; the audit reads one of 64 inputs once more. What follows the prompt is less than 20 tokens.
            int owner = Assert.Single(Enumerable.Range(0, 3), i => computed[i] > 0);
            Assert.InRange(computed[owner], whole, 2 * whole + 15 * 20);
            owners.Add(owner);
        }
        Assert.Equal(3, owners.Count);

        // Another wire's rendered texts, whose prompt is not told apart from the answer, and a result that one member has and another is asked for.
        string Rendered(string answer) => _scorer.Backbone.Template!.Render([new("user", prompts(99)), new("assistant", answer)]).Text;
        double[] without = await Computed();
        foreach (int i in Enumerable.Range(0, 6))
        {
            var answer = await _members[i % 3].Post("/classify", JsonSerializer.Serialize(new { input = Rendered($"answer {i}"), use_activation = false }));
            Assert.Equal(_scorer.Score(prompts(99), $"answer {i}"), answer.GetProperty("data")[0].GetProperty("probs")[0].GetSingle());
        }
        Assert.Single((await Computed()).Zip(without, (after, then) => after - then), computed => computed > 0);
        foreach (int i in Enumerable.Range(0, 3))
        {
            var submitted = await _members[i].Post("/roll/submit", JsonSerializer.Serialize(new { prompt = new[] { new { role = "user", content = $"Hi {i}" } }, response = "Hello" }));
            string body = JsonSerializer.Serialize(new { reward_request_id = submitted.GetProperty("reward_request_id").GetString() });
            JsonElement result;
            while ((result = JsonElement.Parse((await _members[(i + 1) % 3].Send(HttpMethod.Get, "/roll/result", body)).Text)).GetProperty("errcode").GetInt32() == 1) await Task.Delay(10);
            Assert.Equal(_scorer.Score($"Hi {i}", "Hello"), result.GetProperty("reward_score").GetSingle());
        }
    }

    [Fact]
    public async Task A_member_that_is_killed_and_one_that_leaves_cost_no_request_and_no_score()
    {
        using var database = new Database();
        await Start(database, 3);
        float[] expected = [.. Enumerable.Range(0, 200).Select(i => _scorer.Score($"Question {i % 20}?", $"answer {i}"))];
        using var stop = new CancellationTokenSource();
        var posts = Enumerable.Range(0, 8).Select(client => Task.Run(async () =>
        {
            int count = 0;
            for (int i = client; !stop.IsCancellationRequested; i++, count++)
            {
                var (score, _) = await _members[i % 2].Score($"Question {i % 200 % 20}?", $"answer {i % 200}");
                Assert.Equal(expected[i % 200], score);
            }
            return count;
        })).ToArray();
        await Task.Delay(1000);
        TestFarm.Kill(_members[2].Process);
        // On a busy machine the member may not have told how it is for so long that it had no requests when it was killed.
        while (await Sum("sparserm_fleet_retried_total") == 0 && await Sum("sparserm_fleet_members") > 4) await Task.Delay(20);
        bool isRetried = await Sum("sparserm_fleet_retried_total") > 0;
        await Task.WhenAll(_members[0].Knows(2), _members[1].Knows(2));
        await Start(database, 1, known: 3);
        await Task.WhenAll(_members[0].Knows(3), _members[1].Knows(3), _members[3].Knows(3));
        double before = await _members[3].Metric("sparserm_scores_total");
        TestFarm.Signal(_members[3].Process, "TERM");
        await Task.WhenAll(_members[0].Knows(2), _members[1].Knows(2));
        Assert.True(_members[3].Process.WaitForExit(60_000));
        Assert.Equal(0, _members[3].Process.ExitCode);
        stop.Cancel();
        Assert.All(await Task.WhenAll(posts), count => Assert.True(count > 10));
        Assert.SkipUnless(isRetried, "the member had no requests when it was killed: whether they are sent again was not seen");
    }

    [Fact]
    public async Task Redis_keeps_the_members_as_a_database_does()
    {
        using var redis = new RedisServer();
        await Start(redis, 3);
        await AllScore(_scorer);
        Assert.True(await Sum("sparserm_fleet_forwarded_total", 3) > 0);
        TestFarm.Kill(_members[2].Process);
        await Task.WhenAll(_members[0].Knows(2), _members[1].Knows(2));
        // Members stay where it is gone for a while, and others find them after that.
        redis.Restart(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 9; i++) Assert.Equal(_scorer.Score($"Question {i}?", "A"), (await _members[i % 2].Score($"Question {i}?", "A")).Score);
        await Start(redis, 1, known: 2);
        await Task.WhenAll(_members[0].Knows(3), _members[1].Knows(3), _members[3].Knows(3));
        var (status, text) = await _members[3].Send(HttpMethod.Post, "/admin/reload", "");
        Assert.True(status == HttpStatusCode.OK, text);
    }

    [Fact]
    public async Task Without_a_database_the_others_go_on_when_the_first_dies_and_end_with_a_sentence_where_a_new_first_comes()
    {
        int port = TestFarm.FreePort();
        string[] place = ["--cluster-port", $"{port}", "--reward", SharedData.MiniWorld("reward.safetensors")];
        _members.Add(FleetProcess.Start(place));
        _members.Add(FleetProcess.Start(place));
        foreach (var member in _members) await member.Knows(2);
        string listen = _members[0].Listen;
        TestFarm.Kill(_members[0].Process);
        await _members[1].Knows(1);
        var (status, text) = await _members[1].Send(HttpMethod.Post, "/admin/reload", "");
        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Equal(_scorer.Score("Q", "A"), (await _members[1].Score("Q", "A")).Score);

        // One that serves where the first one did hears nothing of those who knew that one.
        _members.Add(FleetProcess.Start([.. place, "--listen", listen]));
        Assert.True(_members[1].Process.WaitForExit(60_000));
        Assert.Equal(1, _members[1].Process.ExitCode);
        Assert.Contains($"this member's cluster is gone with the first one, which kept it in memory", await _members[1].Said);
        Assert.Equal(_scorer.Score("Q", "A"), (await _members[2].Score("Q", "A")).Score);
        TestFarm.Signal(_members[2].Process, "TERM");
        Assert.True(_members[2].Process.WaitForExit(60_000));
        Assert.DoesNotContain("404", await _members[2].Said);
    }

    [Fact]
    public async Task A_member_that_joins_and_one_that_leaves_are_no_fault()
    {
        using var database = new Database();
        await Start(database, 2);
        await Start(database, 1, known: 2);
        foreach (var member in _members) await member.Knows(3);
        foreach (var member in Enumerable.Reverse(_members))
        {
            TestFarm.Signal(member.Process, "TERM");
            Assert.True(member.Process.WaitForExit(60_000));
            Assert.Equal(0, member.Process.ExitCode);
        }
        foreach (var member in _members) Assert.DoesNotContain(await member.Said is var said ? said.Split('\n') : [], line => line.Contains("warn"));
    }

    [Fact]
    public async Task A_reload_reaches_all_members_or_none()
    {
        using var database = new Database();
        string[] files = [.. Enumerable.Range(0, 3).Select(i => _folder.File($"{i}", "reward.safetensors"))];
        foreach (string file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.Copy(SharedData.MiniWorld("reward.safetensors"), file);
        }
        await Start(database, 3, reward: i => files[i]);
        var reward = RewardModelFile.Load(files[0]);
        var doubled = new RewardModel([.. reward.Components.Select(one =>
            new RewardComponent(one.Name, 2 * one.Weight, one.Input, one.Heads, one.MeanInput.ToArray(), one.Metadata, one.Novelty, one.Probe))], reward.Aggregate);
        string fresh = _folder.File("fresh.safetensors");
        RewardModelFile.Save(fresh, doubled);
        using var scorer = RewardScorer.Open(fresh, _scorer.Backbone.Options);
        Assert.NotEqual(_scorer.Score("Q", "A"), scorer.Score("Q", "A"));
        // One of three has the old file still.
        foreach (string file in files[..2]) File.Copy(fresh, file, overwrite: true);
        var (status, text) = await _members[1].Send(HttpMethod.Post, "/admin/reload", "");
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("members read different files", text);
        await AllScore(_scorer);
        File.Copy(fresh, files[2], overwrite: true);
        (status, text) = await _members[2].Send(HttpMethod.Post, "/admin/reload", "");
        Assert.True(status == HttpStatusCode.OK, text);
        await AllScore(scorer);
        // One cannot read it.
        File.WriteAllText(files[0], "no reward");
        (status, text) = await _members[1].Send(HttpMethod.Post, "/admin/reload", "");
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("the member at http", text);
        await AllScore(scorer);
        foreach (var member in _members) await member.Knows(3);
    }

    [Fact]
    public async Task Who_answers_by_other_means_cannot_join_and_nobody_else_is_taken_for_a_member()
    {
        string[] place = ["--cluster-port", $"{TestFarm.FreePort()}", "--reward", SharedData.MiniWorld("reward.safetensors")];
        _members.Add(FleetProcess.Start(place));
        var (code, error) = FleetProcess.Refused([.. place, "--variant", "matmul=scalar"]);
        Assert.Equal(1, code);
        Assert.Contains("this server cannot join the fleet: the member at http://127.0.0.1:", error);
        Assert.Contains("variants matmul=", error);
        _members.Add(FleetProcess.Start(place));
        foreach (var member in _members) await member.Knows(2);
        Assert.Equal(HttpStatusCode.NotFound, (await _members[0].Send(HttpMethod.Get, "/fleet/member")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _members[0].Send(HttpMethod.Get, "/fleet/member", header: ("X-SparseRM-Member", new string('0', 64)))).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _members[0].Send(HttpMethod.Post, "/fleet/prepare", "")).Status);
        for (int i = 0; i < 10; i++) Assert.Equal(_scorer.Score($"Question {i}?", "A"), (await _members[i % 2].Score($"Question {i}?", "A")).Score);
        Assert.True(await Sum("sparserm_fleet_forwarded_total") > 0);
    }

    [Fact]
    public void A_port_beside_a_database_is_refused()
    {
        var (code, error) = FleetProcess.Refused("--cluster-port", $"{TestFarm.FreePort()}", "--redis", "127.0.0.1:1", "--reward", SharedData.MiniWorld("reward.safetensors"));
        Assert.NotEqual(0, code);
        Assert.Contains("--cluster-port says where those of one machine find each other, and with --redis they do in the database", error);
    }

    /// <summary>A member that sleeps answers nothing; who waits for it is answered elsewhere once the membership gives it up.</summary>
    [Fact(Explicit = true)]
    public async Task A_member_that_sleeps_costs_its_requests_a_wait_and_no_score()
    {
        using var database = new Database();
        await Start(database, 3);
        TestFarm.Signal(_members[2].Process, "STOP");
        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => _members[i % 2].Score($"Question {i}?", "A")));
        for (int i = 0; i < answers.Length; i++) Assert.Equal(_scorer.Score($"Question {i}?", "A"), answers[i].Score);
        Assert.True(await Sum("sparserm_fleet_retried_total", 2) > 0);
    }

    private async Task Start(IStore store, int count, int known = 0, Func<int, string>? reward = null)
    {
        for (int i = 0; i < count; i++)
            _members.Add(FleetProcess.Start([.. store.Place, "--reward", reward?.Invoke(i) ?? SharedData.MiniWorld("reward.safetensors")]));
        if (known == 0)
            foreach (var member in _members) await member.Knows(count);
    }

    private async Task AllScore(RewardScorer scorer)
    {
        for (int i = 0; i < 9; i++) Assert.Equal(scorer.Score($"Question {i / 3}?", "A"), (await _members[i % 3].Score($"Question {i / 3}?", "A")).Score);
    }

    private async Task<double[]> Computed() => await Task.WhenAll(_members.Select(member => member.Metric("sparserm_computed_tokens_total")));

    private async Task<double> Sum(string metric, int members = 2) => (await Task.WhenAll(_members.Take(members).Select(member => member.Metric(metric)))).Sum();
}
