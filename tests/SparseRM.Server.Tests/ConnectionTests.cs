using System.Net.Sockets;
using System.Text;

namespace SparseRM.Server.Tests;

/// <summary>Clients that are slow, cut, half-closed or gone.</summary>
public class ConnectionTests(Rewards rewards)
{
    [Fact]
    public async Task Slow_headers_and_cut_connections_cost_nobody_else()
    {
        await using var server = await rewards.Start(options => options with { Limits = options.Limits with { Headers = TimeSpan.FromSeconds(1) } });
        using var slow = server.Connect();
        slow.ReceiveTimeout = 15_000;
        slow.Send("POST /v1/rewards HTTP/1.1\r\nHost:"u8);
        for (int i = 0; i < 20; i++)
        {
            using var cut = server.Connect();
            cut.Send("POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"prompt\""u8);
            cut.LingerState = new LingerOption(true, 0);
        }
        JsonAssert.Score(rewards.Scorer.Score("Q", "A"), (await server.Post("/v1/rewards", SafetyTests.Good)).Ok.GetProperty("results")[0].GetProperty("score"));
        // Answered with a time-out and closed, or closed.
        string head = SafetyTests.ReadHead(slow);
        Assert.True(head.Length == 0 || head.StartsWith("HTTP/1.1 408", StringComparison.Ordinal), head);
    }

    [Theory]
    [InlineData("1.1", 1)]
    [InlineData("1.1", 300)]
    [InlineData("1.0", 300)]
    public void A_client_that_closes_its_half_gets_its_answer(string version, int count)
    {
        using var socket = rewards.Server.Connect();
        socket.ReceiveTimeout = 20_000;
        socket.Send(Request(version, Body(count)));
        socket.Shutdown(SocketShutdown.Send);
        var answers = ReadAll(socket);
        Assert.Equal((1, 0), (answers.Count(answer => answer.Status == 200), answers.Count(answer => answer.Status > 200)));
        // HTTP/1.0 has no interim responses.
        if (version == "1.0") Assert.Single(answers);
        var results = System.Text.Json.JsonElement.Parse(answers[^1].Body).GetProperty("results")[0].GetProperty("results");
        for (int i = 0; i < count; i += 50) JsonAssert.Score(rewards.Scorer.Score("Q", Response(i)), results[i].GetProperty("score"));
        Assert.Equal(count, results.GetArrayLength());
    }

    [Fact]
    public void Requests_that_come_together_before_the_half_is_closed_are_answered_whole_and_in_order()
    {
        using var socket = rewards.Server.Connect();
        socket.ReceiveTimeout = 20_000;
        socket.Send([.. Request("1.1", Body(200)), .. Request("1.1", Body(100)), .. Request("1.1", Body(1))]);
        socket.Shutdown(SocketShutdown.Send);
        var answers = ReadAll(socket).Where(answer => answer.Status != 100).ToArray();
        Assert.Equal([200, 100, 1], answers.Select(answer => System.Text.Json.JsonElement.Parse(answer.Body).GetProperty("results")[0].GetProperty("results").GetArrayLength()));
    }

    [Fact]
    public async Task Half_a_body_has_no_answer_and_a_client_that_closed_all_is_noticed_while_it_is_computed()
    {
        await using var server = await rewards.Start(options => options with { Backbone = options.Backbone with { PrefixCacheBytes = 0, MaxBatchTokens = 500 } });
        using (var half = server.Connect())
        {
            half.ReceiveTimeout = 20_000;
            half.Send(Request("1.1", Body(1))[..^5]);
            half.Shutdown(SocketShutdown.Send);
            string head = SafetyTests.ReadHead(half);
            Assert.True(head.Length == 0 || head.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), head);
        }
        using (var gone = server.Connect())
        {
            gone.Send(Request("1.1", Body(4000)));
            while (await server.Metric("sparserm_batches_total") < 3) await Task.Delay(2);
        }
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (await server.Metric("sparserm_requests_total", "status=\"499\"") == 0)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "the client that is gone was not noticed");
            await Task.Delay(5);
        }
        Assert.True(await server.Metric("sparserm_batched_sequences_total") < 4000, "all was computed for a client that is gone");
    }

    private static string Response(int i) => $"{i} the cat and the dog";

    private static string Body(int count) =>
        $$"""{"inputs": [{"prompt": "Q", "responses": {{System.Text.Json.JsonSerializer.Serialize(Enumerable.Range(0, count).Select(Response))}}}]}""";

    private static byte[] Request(string version, string body) => Encoding.ASCII.GetBytes($"POST /v1/rewards HTTP/{version}\r\nHost: localhost\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    /// <summary>All answers until the server closes, interim ones too.</summary>
    internal static List<(int Status, string Body)> ReadAll(Socket socket)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        while (socket.Receive(buffer) is > 0 and var read) all.Write(buffer, 0, read);
        string text = Encoding.ASCII.GetString(all.ToArray());
        var answers = new List<(int, string)>();
        while (text.Length > 0)
        {
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
            var length = System.Text.RegularExpressions.Regex.Match(text[..end], "Content-Length: ([0-9]+)");
            int body = length.Success ? int.Parse(length.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;
            answers.Add((int.Parse(text[9..12], System.Globalization.CultureInfo.InvariantCulture), text[end..(end + body)]));
            text = text[(end + body)..];
        }
        return answers;
    }
}
