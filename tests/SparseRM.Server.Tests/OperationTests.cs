using System.Net;
using System.Text.Json;
using SparseRM.Scoring;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Tests;

/// <summary>Health, readiness, reload, stop, metrics.</summary>
public class OperationTests(Rewards rewards)
{
    private const string Body = """{"prompt": "Q", "response": "A"}""";

    [Fact]
    public async Task Health_and_ready_are_told_apart()
    {
        Assert.Equal("alive", (await rewards.Server.Get("/health")).Ok.GetProperty("status").GetString());
        Assert.Equal("ready", (await rewards.Server.Get("/ready")).Ok.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_reload_swaps_the_model_without_losing_a_request()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("r.safetensors");
        File.Copy(rewards.True, path);
        await using var server = await rewards.Start(options => options with { Rewards = [new("r", path)] });
        float[] allowed = [rewards.Scorer.Score("Q", "A"), rewards.SafeScorer.Score("Q", "A")];
        using var stop = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            int count = 0;
            for (; !stop.IsCancellationRequested; count++) Assert.Contains((await server.Post("/v1/rewards", Body)).Ok.GetProperty("results")[0].GetProperty("score").GetSingle(), allowed);
            return count;
        })).ToArray();
        for (int i = 0; i < 6; i++)
        {
            string fresh = folder.File("fresh");
            File.Copy(i % 2 == 0 ? rewards.Safe : rewards.True, fresh, overwrite: true);
            File.Move(fresh, path, overwrite: true);
            var model = (await server.Post("/admin/reload", "")).Ok.GetProperty("models")[0];
            Assert.True(model.GetProperty("reloaded").GetBoolean());
            // What is answered after the reload is answered by the new one.
            var answer = (await server.Post("/v1/rewards", Body)).Ok;
            JsonAssert.Score(allowed[i % 2 == 0 ? 1 : 0], answer.GetProperty("results")[0].GetProperty("score"));
            Assert.Equal(model.GetProperty("fingerprint").GetString(), answer.GetProperty("fingerprint").GetString());
        }
        stop.Cancel();
        Assert.All(await Task.WhenAll(load), count => Assert.True(count > 0));
        Assert.Equal(6, await server.Metric("sparserm_reloads_total", "done"));
        Assert.Equal("ready", (await server.Get("/ready")).Ok.GetProperty("status").GetString());
    }

    [Fact]
    public async Task Reloads_at_once_follow_each_other()
    {
        await using var server = await rewards.Start();
        foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => server.Post("/admin/reload", ""))))
            Assert.True(answer.Ok.GetProperty("models")[0].GetProperty("reloaded").GetBoolean());
        Assert.Equal((4, 0), (await server.Metric("sparserm_reloads_total", "done"), await server.Metric("sparserm_reloads_total", "failed")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reload_that_breaks_off_lets_go_what_it_read_and_bars_no_other(bool isCancelled)
    {
        using var registry = new RewardRegistry(new ServerOptions { Backbone = Rewards.Backbone, Rewards = [new("true", rewards.True)] });
        await registry.OpenAsync(default);
        using var cancel = new CancellationTokenSource();
        ServedReward? fresh = null;
        Task Ready(ServedReward reward)
        {
            fresh = reward;
            if (!isCancelled) throw new InvalidOperationException("no means");
            cancel.Cancel();
            return Task.CompletedTask;
        }
        var reload = registry.PrepareAsync("one", null, Ready, cancel.Token);
        if (isCancelled) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reload);
        else Assert.Contains("no means", Assert.Single(await reload).Problem);
        Assert.False(fresh!.TryUse(), "what was read is still held");
        registry.End("one");
        Assert.Null(Assert.Single(await registry.ReloadAsync(null, default).WaitAsync(TimeSpan.FromSeconds(30))).Problem);
    }

    [Fact]
    public async Task A_reload_that_is_between_its_halves_makes_others_wait_and_keeps_what_it_read()
    {
        using var registry = new RewardRegistry(new ServerOptions { Backbone = Rewards.Backbone, Rewards = [new("true", rewards.True)] });
        await registry.OpenAsync(default);
        string fingerprint = Assert.Single(await registry.PrepareAsync("one", null, null, default)).Fingerprint;
        var other = registry.ReloadAsync(null, default);
        await Task.Delay(200);
        Assert.False(other.IsCompleted);
        int version = registry.Version;
        Assert.Null(registry.Commit("one", "true", fingerprint).Problem);
        // Asked again, since the answer was lost.
        Assert.Null(registry.Commit("one", "true", fingerprint).Problem);
        Assert.Equal(version + 1, registry.Version);
        registry.End("one");
        Assert.Null(Assert.Single(await other.WaitAsync(TimeSpan.FromSeconds(30))).Problem);
    }

    [Theory]
    [InlineData("half")]
    [InlineData("gone")]
    [InlineData("a folder")]
    [InlineData("poisoned probe")]
    [InlineData("another model's")]
    public async Task A_reload_that_fails_keeps_the_old_one(string how)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("r.safetensors");
        File.Copy(rewards.True, path);
        await using var server = await rewards.Start(options => options with { Rewards = [new("r", path)] });
        float before = rewards.Scorer.Score("Q", "A");
        switch (how)
        {
            case "half":
                File.WriteAllBytes(path, File.ReadAllBytes(rewards.Safe)[..5000]);
                break;
            case "gone":
                File.Delete(path);
                break;
            case "a folder":
                File.Delete(path);
                Directory.CreateDirectory(path);
                break;
            default:
                RewardModelFile.Save(path, Changed(how));
                break;
        }
        var model = (await server.Post("/admin/reload", "")).Refused(409).GetProperty("models")[0];
        Assert.False(model.GetProperty("reloaded").GetBoolean());
        Assert.Contains(how switch { "poisoned probe" => "known answer", "a folder" => "r.safetensors: is a folder, expected a reward file", _ => "r.safetensors" }, model.GetProperty("problem").GetString(), StringComparison.Ordinal);
        JsonAssert.Score(before, (await server.Post("/v1/rewards", Body)).Ok.GetProperty("results")[0].GetProperty("score"));
        Assert.Equal("ready", (await server.Get("/ready")).Ok.GetProperty("status").GetString());
        Assert.False(await server.Server.ReloadAsync());
        Assert.Equal(2, await server.Metric("sparserm_reloads_total", "failed"));
    }

    [Fact]
    public async Task A_model_folder_that_vanishes_stops_no_score()
    {
        using var folder = TemporaryFolder.CopyOf(SharedData.MiniWorld("model"));
        await using var server = await rewards.Start(options => options with { Backbone = options.Backbone with { Model = folder.Path } });
        foreach (string file in Directory.EnumerateFiles(folder.Path)) File.Delete(file);
        (await server.Post("/admin/reload", "")).Refused(409);
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"), (await server.Post("/v1/rewards", Body)).Ok.GetProperty("results")[0].GetProperty("score"));
    }

    [Fact]
    public async Task Stopping_answers_what_was_accepted()
    {
        await using var server = await rewards.Start();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 800).Select(i => $"{i} the cat and the dog and the cat and the dog and the cat"));
        var slow = server.Post("/v1/rewards", $$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}]}""");
        while (await server.Metric("sparserm_requests_running") < 2 && !slow.IsCompleted) await Task.Delay(2);
        await server.Server.StopAsync();
        Assert.Equal(800, (await slow).Ok.GetProperty("results")[0].GetProperty("results").GetArrayLength());
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Get("/health"));
    }

    [Fact]
    public async Task A_result_that_was_promised_can_be_fetched_while_the_server_stops()
    {
        await using var server = await rewards.Start();
        string id = (await server.Post("/roll/submit", """{"prompt": [{"role": "user", "content": "Q"}], "response": "A"}""")).Ok.GetProperty("reward_request_id").GetString()!;
        var stop = server.Server.StopAsync();
        while ((await server.Get("/ready")).Status == System.Net.HttpStatusCode.OK) await Task.Delay(5);
        Assert.Equal("stopping", (await server.Get("/ready")).Refused(503).GetProperty("status").GetString());
        Assert.Contains("about to stop", (await server.Post("/v1/rewards", Body)).Refused(503).GetRawText(), StringComparison.Ordinal);
        JsonElement result;
        do result = (await server.Get("/roll/result", $$"""{"reward_request_id": "{{id}}"}""")).Ok;
        while (result.GetProperty("errcode").GetInt32() == 1);
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"), result.GetProperty("reward_score"));
        await stop.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_failure_is_counted_once()
    {
        await using var server = await rewards.Start();
        string tooLong = JsonSerializer.Serialize(string.Concat(Enumerable.Repeat("word ", 2 * rewards.Scorer.Backbone.Config.NCtx)));
        (await server.Post("/classify", $$"""{"input": {{tooLong}}}""")).Refused(400);
        Assert.Equal(1, await server.Metric("sparserm_failures_total", "too_long"));
    }

    [Fact]
    public async Task An_address_that_is_taken_is_said_in_a_sentence()
    {
        var error = await Assert.ThrowsAsync<SparseRM.Errors.SparseRMException>(() =>
            rewards.Start(options => options with { Listen = new IPEndPoint(IPAddress.Loopback, rewards.Server.Server.Address.Port) }));
        Assert.Contains("cannot be listened on", error.Message);
    }

    [Fact]
    public async Task Metrics_have_Prometheus_form()
    {
        (await rewards.Server.Post("/v1/rewards", Body)).Refused(200);
        var answer = await rewards.Server.Get("/metrics");
        Assert.StartsWith("text/plain; version=0.0.4", answer.Type);
        foreach (string line in answer.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Assert.Matches("""^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.eE]+)$""", line);
        foreach (string name in (string[])["sparserm_queue_requests", "sparserm_queue_tokens", "sparserm_batches_total", "sparserm_computed_tokens_total", "sparserm_cached_tokens_total", "sparserm_request_seconds_count", "sparserm_audit_false_alarm_rate"])
            Assert.Contains($"\n{name}", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_routes_name_the_list_of_routes()
    {
        var error = (await rewards.Server.Get("/v1/nothing")).Refused(404).GetProperty("error");
        Assert.Equal(("no_route", "GET /v1/nothing is not served; /openapi.json lists what is"), (error.GetProperty("kind").GetString(), error.GetProperty("message").GetString()));
    }

    [Theory]
    [InlineData("GET", "/v1/rewards", "POST", "kind\":\"no_method\"")]
    [InlineData("GET", "/classify/", "POST", "\"type\":\"MethodNotAllowedError\"")]
    [InlineData("DELETE", "/Predict", "POST", "\"error_type\":\"Validation\"")]
    [InlineData("POST", "/roll/result", "GET", "\"errcode\":2")]
    [InlineData("POST", "/health", "GET", "POST /health is not served, GET is")]
    public async Task Another_method_than_a_route_has_is_405_with_those_it_has(string method, string path, string allowed, string part)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST") request.Content = new StringContent("{}");
        using var response = await rewards.Server.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(allowed, Assert.Single(response.Content.Headers.Allow));
        Assert.Contains(part, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private RewardModel Changed(string how)
    {
        var reward = RewardModelFile.Load(rewards.True);
        var component = reward.Components[0];
        var metadata = how == "poisoned probe" ? component.Metadata
            : component.Metadata with { Identity = component.Metadata.Identity with { ModelFingerprint = new string('0', component.Metadata.Identity.ModelFingerprint.Length) } };
        var probe = how != "poisoned probe" ? component.Probe
            : new RewardProbe(component.Probe!.Arithmetic, [.. component.Probe.Items.Select(item => item with { Scores = [.. item.Scores.Select(score => score + 0.5f)] })]);
        return new RewardModel([new RewardComponent(component.Name, component.Weight, component.Input, component.Heads, component.MeanInput.ToArray(), metadata,
            component.Novelty, probe)], reward.Aggregate);
    }
}
