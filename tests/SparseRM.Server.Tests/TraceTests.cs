using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;

namespace SparseRM.Server.Tests;

/// <summary>Traces of OpenTelemetry, as a collector receives them.</summary>
public class TraceTests(Rewards rewards)
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    [Fact]
    public async Task Spans_of_requests_and_scores_reach_the_collector_below_the_client_s_and_hold_no_text()
    {
        using var collector = new HttpListener();
        int port = FreePort();
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        var received = Task.Run(async () =>
        {
            var context = await collector.GetContextAsync();
            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            context.Response.Close();
            return (context.Request.Url!.AbsolutePath, context.Request.ContentType, Body: body.ToArray());
        });
        // With a log, as the command line has one, the host begins spans of its own.
        await using (var server = await rewards.Start(options => options with { Traces = new Uri($"http://127.0.0.1:{port}") }, logging => logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Critical)))
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/rewards") { Content = new StringContent("""{"prompt": "a secret question", "response": "A"}""") };
            request.Headers.Add("traceparent", $"00-{Trace}-00f067aa0ba902b7-01");
            (await server.Send(request)).Refused(200);
            (await server.Post("/classify", """{"input": "x", "normalize": true}""")).Refused(400);
        }
        // What was left went out when the server stopped.
        var (path, type, bytes) = await received.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(("/v1/traces", "application/x-protobuf"), (path, type));
        string text = Encoding.Latin1.GetString(bytes);
        foreach (string name in (string[])["POST /v1/rewards", "score", "sparserm.tokens", "sparserm.reward", "POST /classify", "error.type", "service.name", "sparserm"])
            Assert.Contains(name, text, StringComparison.Ordinal);
        // The request's span and the score's are both in the client's trace.
        Assert.Equal(2, Count(bytes, Convert.FromHexString(Trace)));
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    private static int Count(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> part)
    {
        int count = 0;
        for (int at; (at = bytes.IndexOf(part)) >= 0; bytes = bytes[(at + part.Length)..]) count++;
        return count;
    }

    private static int FreePort()
    {
        using var socket = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
