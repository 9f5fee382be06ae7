using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace SparseRM.Server.Tests;

/// <summary>What the log says of failures: always something, and never a text of a request.</summary>
public class LogTests(Rewards rewards)
{
    [Theory]
    [InlineData("/v1/rewards", "{}", "POST /v1/rewards 422 field: in the body")]
    [InlineData("/classify", "{\"input\": null}", "POST /classify 400 field: input is null, expected a value")]
    [InlineData("/v1/rewards", "{\"secret\"", "POST /v1/rewards 400 malformed: in the body")]
    [InlineData("/v1/rewards", "{\"secret\": 1}", "POST /v1/rewards 422 field: an unknown field")]
    [InlineData("/v1/rewards", "{\"prompt\": \"secret\", \"response\": 1}", "POST /v1/rewards 422 field: response is 1, expected a string")]
    [InlineData("/nowhere", "", "POST /nowhere 404 no_route: POST /nowhere is not served; /openapi.json lists what is")]
    public async Task A_failure_s_line_ends_in_what_is_known_of_it(string path, string body, string line)
    {
        var log = new Lines();
        await using var server = await rewards.Start(logging: logging => logging.AddProvider(log));
        Assert.InRange((int)(await server.Post(path, body)).Status, 400, 499);
        Assert.Contains(line, log.All);
        Assert.DoesNotContain(log.All, line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_that_no_route_hears_of_is_told_and_counted()
    {
        var log = new Lines();
        await using var server = await rewards.Start(options => options with { Limits = options.Limits with { Headers = TimeSpan.FromSeconds(1) } }, logging => logging.AddProvider(log));
        string[] requests =
        [
            "secret\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n", $"GET /health HTTP/1.1\r\nHost: localhost\r\nX: {new string('a', 40_000)}\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nsecret\r\n\r\n", "GET /health HTTP/1.1\r\nHost:",
        ];
        foreach (string request in requests)
        {
            using var socket = server.Connect();
            socket.ReceiveTimeout = 20_000;
            socket.Send(System.Text.Encoding.ASCII.GetBytes(request));
            ConnectionTests.ReadAll(socket);
        }
        Assert.Equal(requests.Length, log.All.Count(line => line.StartsWith("a request reached no route, ", StringComparison.Ordinal)));
        Assert.Contains("a request reached no route, 431: it has more headers than 32768 bytes or 100 lines", log.All);
        Assert.Contains("a request reached no route, 408: its headers took longer than 1 s", log.All);
        Assert.Contains("a request reached no route, 400: Invalid request line", log.All);
        Assert.DoesNotContain(log.All, line => line.Contains("secret", StringComparison.Ordinal));
        Assert.Equal((requests.Length - 1, 1), (await server.Metric("sparserm_failures_total", "malformed"), await server.Metric("sparserm_failures_total", "deadline")));
        // A body that breaks off was begun by a route, whose line says it; it is not told twice.
        using (var half = server.Connect())
        {
            half.ReceiveTimeout = 20_000;
            half.Send("POST /v1/rewards HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"u8);
            ConnectionTests.ReadAll(half);
        }
        Assert.Equal(requests.Length, await server.Metric("sparserm_failures_total", "malformed"));
        Assert.Equal(requests.Length, log.All.Count(line => line.StartsWith("a request reached no route, ", StringComparison.Ordinal)));
    }

    private sealed class Lines : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> All { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => All.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
