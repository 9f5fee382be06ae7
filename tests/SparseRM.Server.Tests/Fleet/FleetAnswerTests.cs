using System.Net;
using System.Text;
using System.Text.Json;
using SparseRM.Server.Fleet;

namespace SparseRM.Server.Tests.Fleet;

/// <summary>What a client of a fleet is answered is what a lone server answers, whichever member has its prompt and however that one is.</summary>
public class FleetAnswerTests(Rewards rewards)
{
    private const string RetriedTotal = "sparserm_fleet_retried_total", ForwardedTotal = "sparserm_fleet_forwarded_total";

    [Theory]
    [InlineData(1)]
    // The header is longer than the 64 KiB that a client of .NET takes by itself.
    [InlineData(800)]
    public async Task Numbers_as_bytes_come_with_their_shapes(int count)
    {
        var members = await TestMember.Fleet(rewards, 2);
        await using var one = members[0];
        await using var other = members[1];
        string body = JsonSerializer.Serialize(new { input = Enumerable.Repeat(PromptOf(one, other), count), encoding_format = "bytes", embed_dtype = "float16" });
        Answer alone = await rewards.Server.Post("/pooling", body), answer = await one.Server.Post("/pooling", body);
        Assert.Equal((1, 0), (await one.Server.Metric(ForwardedTotal), await one.Server.Metric(RetriedTotal)));
        Assert.Equal((alone.Status, alone.Type), (answer.Status, answer.Type));
        Assert.Equal(alone.Bytes, answer.Bytes);
        JsonElement expected = JsonElement.Parse(Assert.Single(alone.Headers.GetValues("metadata"))), metadata = JsonElement.Parse(Assert.Single(answer.Headers.GetValues("metadata")));
        Assert.Equal(count, metadata.GetProperty("data").GetArrayLength());
        Assert.Equal(expected.GetProperty("data").GetRawText(), metadata.GetProperty("data").GetRawText());
        Assert.Equal(alone.Headers.Select(header => header.Key).Order(), answer.Headers.Select(header => header.Key).Order());
        Assert.Single(answer.Headers.GetValues("Date"));
    }

    [Fact]
    public async Task A_time_that_is_over_is_no_members_death()
    {
        var members = await TestMember.Fleet(rewards, 2, (options, _) => options with { Limits = options.Limits with { Deadline = TimeSpan.FromSeconds(1) } });
        await using var one = members[0];
        await using var other = members[1];
        other.Relay.Meets = (http, pass) => http.Request.Path.StartsWithSegments("/fleet") ? pass() : Relay.Sleep(http);
        string body = JsonSerializer.Serialize(new { input = PromptOf(one, other) });
        var error = (await one.Server.Post("/classify", body)).Refused(504).GetProperty("error");
        Assert.Equal("GatewayTimeoutError", error.GetProperty("type").GetString());
        Assert.Equal((0, 2), (await one.Server.Metric(RetriedTotal), await one.Server.Metric("sparserm_fleet_members")));
    }

    [Fact]
    public async Task The_time_goes_on_at_the_member_that_answers()
    {
        var members = await TestMember.Fleet(rewards, 2);
        await using var one = members[0];
        await using var other = members[1];
        string body = JsonSerializer.Serialize(new { prompt = PromptOf(one, other), response = "A", deadline_ms = 200 });
        using var socket = one.Server.Connect();
        socket.ReceiveTimeout = 20_000;
        socket.Send(Encoding.UTF8.GetBytes($"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body[..^9]}"));
        await Task.Delay(400);
        socket.Send(Encoding.UTF8.GetBytes(body[^9..]));
        Assert.StartsWith("HTTP/1.1 504", SafetyTests.ReadHead(socket), StringComparison.Ordinal);
        Assert.Equal((1, 0), (await one.Server.Metric(ForwardedTotal), await one.Server.Metric(RetriedTotal)));
    }

    [Fact]
    public async Task A_member_that_has_no_room_sends_its_own_prompts_on()
    {
        // Full by tokens, which no load that a member tells of shows.
        var members = await TestMember.Fleet(rewards, 2, (options, i) => i > 0 ? options
            : options with { Backbone = options.Backbone with { PrefixCacheBytes = 0, MaxBatchTokens = 500, Queue = new QueueOptions { MaxTokens = 1 } } });
        await using var full = members[0];
        await using var other = members[1];
        string prompt = PromptOf(other, full);
        string body = JsonSerializer.Serialize(new { prompt, response = "A" }), text = string.Join(' ', Enumerable.Repeat("the cat and the dog", 12));
        using var stop = new CancellationTokenSource();
        var bulk = full.Server.Client.PostAsync("/v1/rewards", new StringContent(JsonSerializer.Serialize(
            new { inputs = new[] { new { prompt, responses = Enumerable.Range(0, 4000).Select(i => $"{i} {text}") } }, priority = "bulk" })), stop.Token);
        while (await full.Server.Metric("sparserm_queue_requests") == 0 && !bulk.IsCompleted) await Task.Delay(2);
        JsonAssert.Score(rewards.Scorer.Score(prompt, "A"), (await full.Server.Post("/v1/rewards", body)).Ok.GetProperty("results")[0].GetProperty("score"));
        Assert.Equal(1, await full.Server.Metric(ForwardedTotal));
        // Asked by a member it goes no further; and where nobody else is, the client is refused.
        JsonAssert.Score(rewards.Scorer.Score(prompt, "A"), (await other.Server.Post("/v1/rewards", body)).Ok.GetProperty("results")[0].GetProperty("score"));
        full.Live = () => [];
        await full.Knows(1);
        (await full.Server.Post("/v1/rewards", body)).Refused(429);
        Assert.False(bulk.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bulk);
    }

    [Fact]
    public async Task A_result_is_found_at_its_member_whatever_that_answers_by_now()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("r.safetensors");
        File.Copy(rewards.True, path);
        var members = await TestMember.Fleet(rewards, 2, (options, _) => options with { Rewards = [new("r", path)] });
        await using var one = members[0];
        await using var owner = members[1];
        string id = (await owner.Server.Post("/roll/submit", JsonSerializer.Serialize(new { prompt = Dialogue(PromptOf(one, owner)), response = "A" }))).Ok.GetProperty("reward_request_id").GetString()!;
        string body = JsonSerializer.Serialize(new { reward_request_id = id });
        owner.Live = () => [];
        await owner.Knows(1);
        File.Copy(rewards.Safe, path, overwrite: true);
        (await owner.Server.Post("/admin/reload", "")).Refused(200);
        await one.Knows(1);
        JsonElement result;
        while ((result = (await one.Server.Get("/roll/result", body)).Ok).GetProperty("errcode").GetInt32() == 1) await Task.Delay(10);
        JsonAssert.Score(rewards.Scorer.Score(PromptOf(one, owner), "A"), result.GetProperty("reward_score"));

        owner.Relay.Meets = (http, _) => { http.Abort(); return Task.CompletedTask; };
        var answer = await one.Server.Get("/roll/result", body);
        Assert.Contains("does not answer now", answer.Refused(503).GetProperty("message").GetString());
        Assert.Equal("1", Assert.Single(answer.Headers.GetValues("Retry-After")));
        one.Live = () => [];
        await one.Knows(1);
        Assert.Equal(HttpStatusCode.NotFound, await Gone(one, body));
    }

    [Fact]
    public async Task One_that_sleeps_keeps_no_other_from_being_known()
    {
        await using var one = await TestMember.Start(rewards, "one");
        await using var other = await TestMember.Start(rewards, "other");
        await using var asleep = await TestMember.Start(rewards, "asleep");
        await other.Join(other);
        await one.Join(one);
        var asked = new TaskCompletionSource();
        int over = 0;
        asleep.Relay.Meets = async (http, _) =>
        {
            asked.TrySetResult();
            await Relay.Sleep(http);
            Interlocked.Increment(ref over);
        };
        one.Live = () => [asleep.Peer];
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        one.Live = () => [asleep.Peer, other.Peer];
        await one.Knows(2);
        Assert.Equal(0, Volatile.Read(ref over));
    }

    [Fact]
    public async Task A_membership_that_cannot_be_read_is_read_again()
    {
        await using var one = await TestMember.Start(rewards, "one");
        await using var other = await TestMember.Start(rewards, "other");
        await other.Join(other);
        await one.Join(one);
        int failures = 0;
        one.Live = () => ++failures < 3 ? throw new InvalidOperationException($"no membership {failures}") : [other.Peer];
        await one.Knows(2);
        Assert.True(failures >= 3);
    }

    [Fact]
    public async Task Who_has_other_limits_cannot_join()
    {
        await using var one = await TestMember.Start(rewards, "one");
        await using var other = await TestMember.Start(rewards, "other", options => options with { Limits = options.Limits with { Items = 7 } });
        await one.Join(one);
        var error = await Assert.ThrowsAsync<SparseRM.Errors.SparseRMException>(() => other.Join(one, other));
        Assert.Contains("its limits are 4096 inputs, 64 of them explained, 16777216 bytes, 64 levels, 120 s; here 7 inputs, ", error.Message);
    }

    private static async Task<HttpStatusCode> Gone(TestMember member, string body)
    {
        HttpStatusCode status;
        while ((status = (await member.Server.Get("/roll/result", body)).Status) == HttpStatusCode.ServiceUnavailable) await Task.Delay(20);
        return status;
    }

    private static object[] Dialogue(string prompt) => [new { role = "user", content = prompt }];

    /// <summary>A prompt of the second of two.</summary>
    private string PromptOf(TestMember other, TestMember owner)
    {
        var keys = new PromptKey(rewards.Scorer.Backbone.Template);
        FleetLoad[] loads = [.. ((TestMember[])[other, owner]).Select(member => new FleetLoad(FleetPlacement.Hash(member.Peer.Id), 0, false))];
        return Enumerable.Range(0, 1000).Select(i => $"Question {i}?").First(prompt =>
            ((object[])[new { prompt }, new { input = prompt }, new { input = (string[])[prompt] }, new { prompt = Dialogue(prompt) }])
                .All(body => FleetPlacement.Order(keys.Of(JsonSerializer.SerializeToElement(body))!.Value, loads)[0] == 1));
    }
}
