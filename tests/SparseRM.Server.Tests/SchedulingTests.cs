using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace SparseRM.Server.Tests;

/// <summary>Shared prompts, full queues, deadlines, clients that go away.</summary>
public class SchedulingTests(Rewards rewards)
{
    /// <summary>An engine of its own, since other tests' texts would be in the cache.</summary>
    private Task<TestServer> Own(Func<ServerOptions, ServerOptions>? change = null, QueueOptions? queue = null) => rewards.Start(options =>
        (change ?? (same => same))(options with { Backbone = options.Backbone with { PrefixCacheBytes = 64L << 20, MaxBatchTokens = 1000, Queue = queue ?? new QueueOptions() } }));

    /// <summary>A 4xx ends a run of verl, so the trainers' routes say 503; ours and TEI's say 429.</summary>
    private static readonly (string Path, int Status, string Body)[] s_ofEachWire =
    [
        ("/v1/rewards", 429, """{"prompt": "Q", "response": "A"}"""), ("/predict", 429, """{"inputs": "x"}"""), ("/rerank", 429, """{"query": "Q", "texts": ["A"]}"""),
        ("/classify", 503, """{"input": "x"}"""), ("/classify", 503, """{"text": "x"}"""), ("/pooling", 503, """{"input": "x"}"""),
        ("/score", 503, """{"text_1": "Q", "text_2": "A"}"""), ("/v1/score", 503, """{"query": "Q", "items": ["A"]}"""), ("/rerank", 503, """{"query": "Q", "documents": ["A"]}"""),
        ("/judge", 503, """{"conv": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}"""), ("/v1/embeddings", 503, """{"input": "x"}"""), ("/get_reward", 503, """{"query": ["x"]}"""),
        ("/slime", 503, """{"prompt": "Q", "response": "A"}"""),
        ("/verify", 503, """{"responses_create_params": {"input": "Q"}, "response": {"output": [{"type": "message", "content": "A"}]}}"""),
    ];

    private static string Words(int count) => string.Join(' ', Enumerable.Range(0, count).Select(i => "the cat and the dog".Split(' ')[i % 5]));

    [Fact]
    public async Task Sixteen_answers_of_one_prompt_in_sixteen_posts_compute_the_prompt_once()
    {
        await using var server = await Own();
        string prompt = Words(100);
        string Body(int i) => JsonSerializer.Serialize(new Dictionary<string, string> { ["prompt"] = prompt, ["response"] = $"answer number {i}" });
        (await server.Post("/v1/rewards", Body(0))).Refused(200);
        double before = await server.Metric("sparserm_computed_tokens_total");
        var answers = await Task.WhenAll(Enumerable.Range(1, 15).Select(i => server.Post("/v1/rewards", Body(i))));
        int whole = rewards.Ids(prompt, "answer number 1").Length;
        double computed = await server.Metric("sparserm_computed_tokens_total") - before;
        // The prompt is more than 100 tokens; what follows it is less than 20.
        Assert.True(whole > 110, $"{whole} tokens");
        Assert.InRange(computed, 15, 15 * 20);
        Assert.True(await server.Metric("sparserm_cached_tokens_total") >= 15 * (whole - 20));
        for (int i = 1; i <= 15; i++) JsonAssert.Score(rewards.Scorer.Score(prompt, $"answer number {i}"), answers[i - 1].Ok.GetProperty("results")[0].GetProperty("score"));
    }

    [Fact]
    public async Task An_explanation_costs_no_second_pass()
    {
        await using var server = await Own(options => options with { Backbone = options.Backbone with { PrefixCacheBytes = 0 } });
        // The audit looks at the first of 64 inputs, in a pass of its own.
        (await server.Post("/v1/rewards", """{"prompt": "Q", "response": "A"}""")).Refused(200);
        while (await server.Metric("sparserm_audit_inputs_total") < 1) await Task.Delay(2);
        double before = await server.Metric("sparserm_computed_tokens_total");
        var result = (await server.Post("/v1/rewards", """{"prompt": "Name a prime.", "response": "7", "explain": true, "novelty": true}""")).Ok.GetProperty("results")[0];
        Assert.True(result.TryGetProperty("explanation", out _));
        Assert.Equal(result.GetProperty("tokens").GetInt32(), await server.Metric("sparserm_computed_tokens_total") - before);
    }

    [Fact]
    public async Task A_full_queue_says_when_to_come_again()
    {
        await using var server = await Own(queue: new QueueOptions { MaxRequests = 1 });
        using var stop = new CancellationTokenSource();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 2500).Select(i => $"{i} {Words(60)}"));
        var bulk = server.Client.PostAsync("/v1/rewards", new StringContent($$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}], "priority": "bulk"}"""), stop.Token);
        while (await server.Metric("sparserm_queue_requests") == 0 && !bulk.IsCompleted) await Task.Delay(2);
        foreach (var (path, status, body) in s_ofEachWire)
        {
            var answer = await server.Post(path, body);
            Assert.True((int)answer.Status == status, $"{path}: {(int)answer.Status} {answer.Text}");
            Assert.Equal("1", Assert.Single(answer.Headers.GetValues("Retry-After")));
            Assert.DoesNotContain("score\"", answer.Text, StringComparison.Ordinal);
        }
        Assert.False(bulk.IsCompleted);
        Assert.Equal(s_ofEachWire.Length, await server.Metric("sparserm_failures_total", "kind=\"full\""));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bulk);
    }

    [Fact]
    public async Task A_deadline_is_a_failure_in_time()
    {
        // Some 35,000 tokens, which no machine computes in a millisecond.
        string texts = JsonSerializer.Serialize(Enumerable.Range(0, 500).Select(i => $"{i} {Words(60)}"));
        await using var server = await Own();
        var error = (await server.Post("/v1/rewards", $$"""{"inputs": [{"prompt": "Q", "responses": {{texts}}}], "deadline_ms": 1}""")).Refused(504).GetProperty("error");
        Assert.Equal("deadline", error.GetProperty("kind").GetString());
        await using var hasty = await Own(options => options with { Limits = options.Limits with { Deadline = TimeSpan.FromMilliseconds(1) } });
        Assert.Equal("GatewayTimeoutError", (await hasty.Post("/classify", $$"""{"input": {{texts}}}""")).Refused(504).GetProperty("error").GetProperty("type").GetString());
        (await hasty.Get("/health")).Refused(200);
    }

    [Fact]
    public void The_time_counts_from_the_arrival_of_the_headers()
    {
        const string Body = """{"prompt": "Q", "response": "A", "deadline_ms": 200}""";
        using var socket = rewards.Server.Connect();
        socket.ReceiveTimeout = 20_000;
        socket.Send(Encoding.ASCII.GetBytes($"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: {Body.Length}\r\n\r\n{Body[..^9]}"));
        Thread.Sleep(400);
        socket.Send(Encoding.ASCII.GetBytes(Body[^9..]));
        Assert.StartsWith("HTTP/1.1 504", SafetyTests.ReadHead(socket), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_never_ends_is_answered_when_its_time_is_over()
    {
        await using var server = await Own(options => options with { Limits = options.Limits with { Deadline = TimeSpan.FromMilliseconds(500) } });
        using var socket = server.Connect();
        socket.ReceiveTimeout = 20_000;
        socket.Send("POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"input\""u8);
        string head = SafetyTests.ReadHead(socket);
        Assert.StartsWith("HTTP/1.1 504", head, StringComparison.Ordinal);
        Assert.Contains("Connection: close", head, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Clients_that_go_away_free_their_places()
    {
        await using var server = await Own();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 400).Select(i => $"{i} {Words(60)}"));
        byte[] body = Encoding.UTF8.GetBytes($$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}], "priority": "bulk"}""");
        for (int i = 0; i < 4; i++)
        {
            using var gone = server.Connect();
            gone.Send(Encoding.ASCII.GetBytes($"POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body.Length}\r\n\r\n"));
            gone.Send(body);
            await Task.Delay(50);
            gone.LingerState = new LingerOption(true, 0);
        }
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (await server.Metric("sparserm_queue_requests") > 0 || await server.Metric("sparserm_requests_running") > 1)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "requests of clients that are gone still wait");
            await Task.Delay(20);
        }
        // 4 * 400 texts of some 70 tokens would have been more than 100,000.
        Assert.True(await server.Metric("sparserm_computed_tokens_total") < 100_000);
        (await server.Post("/v1/rewards", """{"prompt": "Q", "response": "A"}""")).Refused(200);
    }

    [Fact]
    public async Task Interactive_requests_go_before_bulk()
    {
        await using var server = await Own();
        string responses = JsonSerializer.Serialize(Enumerable.Range(0, 500).Select(i => $"{i} {Words(60)}"));
        var bulk = server.Post("/v1/rewards", $$"""{"inputs": [{"prompt": "Q", "responses": {{responses}}}], "priority": "bulk"}""");
        while (await server.Metric("sparserm_queue_requests") == 0 && !bulk.IsCompleted) await Task.Delay(5);
        (await server.Post("/v1/rewards", """{"prompt": "Q", "response": "A"}""")).Refused(200);
        Assert.False(bulk.IsCompleted, "the bulk request was answered before the interactive one");
        Assert.Equal(500, (await bulk).Ok.GetProperty("results")[0].GetProperty("results").GetArrayLength());
    }

    [Fact]
    public async Task Sixty_four_clients_at_once_get_the_bits_of_their_text_alone()
    {
        float[] expected = [.. Enumerable.Range(0, 64).Select(i => rewards.Scorer.Score($"Question {i}?", Words(i % 20 + 1)))];
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => i == 30
            ? rewards.Server.Post("/classify", """{"input": "\ud800"}""")
            : rewards.Server.Post("/v1/rewards", JsonSerializer.Serialize(new Dictionary<string, string> { ["prompt"] = $"Question {i}?", ["response"] = Words(i % 20 + 1) }))));
        answers[30].Refused(400);
        for (int i = 0; i < 64; i++)
            if (i != 30) JsonAssert.Score(expected[i], answers[i].Ok.GetProperty("results")[0].GetProperty("score"));
    }
}
