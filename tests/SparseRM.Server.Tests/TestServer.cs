using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace SparseRM.Server.Tests;

/// <summary>A server on a free port of loopback, and a client that posts bytes as they are.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private TestServer(RewardServer server)
    {
        Server = server;
        Client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 512, MaxResponseHeadersLength = 1 << 16 }) { BaseAddress = server.Address, Timeout = TimeSpan.FromSeconds(60) };
    }

    public RewardServer Server { get; }

    public HttpClient Client { get; }

    public static async Task<TestServer> Start(ServerOptions options, Action<ILoggingBuilder>? logging = null) => new(await RewardServer.StartAsync(options, logging));

    /// <summary>Posts the bytes of a text; the answer with its status.</summary>
    public Task<Answer> Post(string path, string body) => Post(path, Encoding.UTF8.GetBytes(body));

    public Task<Answer> Post(string path, byte[] body) => Send(new HttpRequestMessage(HttpMethod.Post, path) { Content = Json(body) });

    public Task<Answer> Get(string path, string? body = null) =>
        Send(new HttpRequestMessage(HttpMethod.Get, path) { Content = body is null ? null : Json(Encoding.UTF8.GetBytes(body)) });

    public async Task<Answer> Send(HttpRequestMessage request)
    {
        using var response = await Client.SendAsync(request);
        return new Answer(response.StatusCode, response.Headers, response.Content.Headers.ContentType?.ToString(), await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>A value of <c>/metrics</c>; the sum over labels that hold a text.</summary>
    public async Task<double> Metric(string name, string label = "") => (await Get("/metrics")).Text.Split('\n')
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] is '{' or ' ' && line.Contains(label, StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>A socket of one's own, to send what no client sends.</summary>
    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(IPAddress.Loopback, Server.Address.Port);
        return socket;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }

    private static ByteArrayContent Json(byte[] body) => new(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
}

/// <summary>What a server answered.</summary>
internal sealed record Answer(HttpStatusCode Status, HttpResponseHeaders Headers, string? Type, byte[] Bytes)
{
    public string Text => Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonElement.Parse(Bytes);

    /// <summary>The body's JSON, of a request that must have succeeded.</summary>
    public JsonElement Ok
    {
        get
        {
            Assert.True(Status == HttpStatusCode.OK, $"{(int)Status}: {Text}");
            return Json;
        }
    }

    /// <summary>The body's JSON, of a request that must have failed so.</summary>
    public JsonElement Refused(int status)
    {
        Assert.True((int)Status == status, $"{(int)Status} instead of {status}: {Text}");
        return Json;
    }
}

/// <summary>Comparisons of JSON.</summary>
internal static class JsonAssert
{
    /// <summary>The float with the bits of a score.</summary>
    public static void Score(float expected, JsonElement actual) =>
        Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(actual.GetSingle()));

    /// <summary>The names of an object's members, in order: nothing is missing and nothing is there besides.</summary>
    public static void Members(JsonElement value, params string[] names) => Assert.Equal(names, value.EnumerateObject().Select(member => member.Name));
}
