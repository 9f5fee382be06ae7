using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace SparseRM.Server.Tests.Fleet;

/// <summary>The network before a member, which can lose or hold up what passes.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _client = new(new SocketsHttpHandler { MaxResponseHeadersLength = 1 << 16 }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly Uri _to;

    private Relay(WebApplication app, Uri to) => (_app, _to) = (app, to);

    public Uri Address => new(_app.Urls.First());

    /// <summary>What happens to a request, given what passes it on; null passes all on.</summary>
    public Func<HttpContext, Func<Task>, Task>? Meets { get; set; }

    public static async Task<Relay> Start(Uri to)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var relay = new Relay(builder.Build(), to);
        relay._app.Run(http => relay.Meets is { } meets ? meets(http, () => relay.Pass(http)) : relay.Pass(http));
        await relay._app.StartAsync();
        return relay;
    }

    /// <summary>Waits until the asker gives up.</summary>
    public static async Task Sleep(HttpContext http)
    {
        await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        http.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        Meets = (http, _) => { http.Abort(); return Task.CompletedTask; };
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private async Task Pass(HttpContext http)
    {
        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), new Uri(_to, http.Request.GetEncodedPathAndQuery()));
        if (http.Request.ContentLength > 0)
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            request.Content = new ByteArrayContent(body.ToArray());
        }
        foreach (var header in http.Request.Headers.Where(header => header.Key.StartsWith("X-", StringComparison.Ordinal))) request.Headers.Add(header.Key, (string?)header.Value);
        try
        {
            using var response = await _client.SendAsync(request, http.RequestAborted);
            http.Response.StatusCode = (int)response.StatusCode;
            foreach (var (name, values) in response.Headers.NonValidated)
                if (name is not ("Transfer-Encoding" or "Connection" or "Date")) http.Response.Headers[name] = values.ToString();
            http.Response.ContentType = response.Content.Headers.ContentType?.ToString();
            await http.Response.Body.WriteAsync(await response.Content.ReadAsByteArrayAsync(http.RequestAborted), http.RequestAborted);
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException)
        {
            http.Abort();
        }
    }
}
