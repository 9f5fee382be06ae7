using System.Diagnostics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SparseRM.Errors;
using SparseRM.Server.Faults;
using SparseRM.Server.Fleet;
using SparseRM.Server.Http;
using SparseRM.Server.Telemetry;
using SparseRM.Server.Wires;

namespace SparseRM.Server;

/// <summary>Serves reward models over HTTP, in the forms that RL trainers speak.</summary>
/// <remarks>An input has a score or an error, never a default; a score has the bits that the library gives to the text alone.</remarks>
/// <example><code>
/// await using var server = await RewardServer.StartAsync(new ServerOptions
/// {
///     Backbone = new BackboneOptions { Model = "google/gemma-2-2b-it" },
///     Rewards = [new NamedReward("helpful", "helpful.safetensors")],
/// });
/// </code></example>
public sealed class RewardServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ServerParts _parts;
    private readonly IDisposable _unread;
    private readonly IDisposable? _traces;
    private bool _stopped;

    private RewardServer(WebApplication app, ServerParts parts, IDisposable? traces) =>
        (_app, _parts, _unread, _traces) = (app, parts, UnreadRequests.Watch(app.Services.GetRequiredService<DiagnosticListener>(), parts), traces);

    /// <summary>Opens the models, checks their known answers, and listens.</summary>
    /// <param name="options">What is served, and to whom.</param>
    /// <param name="logging">Where logs go; nowhere by default.</param>
    /// <param name="cancel">Gives up while models are opened.</param>
    /// <exception cref="SparseRMException">A model cannot be served, the options are unsafe, or the address is taken; one sentence says what to do.</exception>
    public static async Task<RewardServer> StartAsync(ServerOptions options, Action<ILoggingBuilder>? logging = null, CancellationToken cancel = default)
    {
        options.Check();
        // What fails until it listens is thrown as a sentence; the host's own account of it would be a page of stack.
        bool listens = false;
        var app = Build(options, logging, () => listens);
        IDisposable? traces = null;
        var parts = new ServerParts(options, app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("SparseRM.Server"));
        try
        {
            Map(app, parts);
            await parts.Registry.OpenAsync(cancel).ConfigureAwait(false);
            traces = options.Traces is { } collector ? TraceExport.To(collector) : null;
            await Listen(app, options, cancel).ConfigureAwait(false);
            listens = true;
        }
        catch
        {
            traces?.Dispose();
            parts.Dispose();
            await app.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        var server = new RewardServer(app, parts, traces);
        ServerLog.Listening(parts.Log, server.Address.ToString(), string.Join(", ", options.Rewards.Select(reward => reward.Name)));
        return server;
    }

    /// <summary>Where it listens.</summary>
    public Uri Address => new(_app.Urls.First());

    /// <summary>
    /// Answers with other servers from now on: a request goes to the member that has its prompt's beginning, a reload to all of them. Members must serve the same
    /// rewards on the same model by the same kernels.
    /// </summary>
    /// <param name="own">This member, as the others hear of it; its address is the server's own as they reach it.</param>
    /// <param name="live">All members that are alive now, whether or not this one is among them; asked some times a second.</param>
    /// <param name="cancel">Gives up while members are asked.</param>
    /// <exception cref="SparseRMException">A member answers by other means; one sentence says which.</exception>
    public async Task JoinAsync(FleetPeer own, Func<IReadOnlyList<FleetPeer>> live, CancellationToken cancel = default)
    {
        if (_parts.Options.TlsCertificate is not null) throw new SparseRMException(ErrorKind.Usage, "members of a fleet reach each other by plain HTTP; leave TLS to what stands before them");
        var fleet = await Task.Run(() => new ServerFleet(_parts, own, live), cancel).ConfigureAwait(false);
        _parts.Fleet = fleet;
        await fleet.JoinAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Reads all reward files again; each that cannot be served stays as it was.</summary>
    /// <param name="cancel">Gives up what is not done.</param>
    /// <returns>Whether all were replaced.</returns>
    public async Task<bool> ReloadAsync(CancellationToken cancel = default) =>
        (await _parts.ReloadAsync(null, cancel).ConfigureAwait(false)).All(result => result.Problem is null);

    /// <summary>Takes no new requests, answers those that were accepted, and gives the models back.</summary>
    public async Task StopAsync()
    {
        if (_stopped) return;
        _stopped = true;
        ServerLog.Stopping(_parts.Log, _parts.Metrics.Running);
        if (_parts.Pending.Unfetched > 0)
        {
            // A result that was promised can be fetched here alone.
            _parts.IsStopping = true;
            await _parts.Pending.FetchedAsync(_parts.Options.Limits.Drain).ConfigureAwait(false);
        }
        await _app.StopAsync().ConfigureAwait(false);
        _parts.IsStopping = true;
        _parts.Dispose();
        _unread.Dispose();
        _traces?.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
    }

    private static WebApplication Build(ServerOptions options, Action<ILoggingBuilder>? logging, Func<bool> listens)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "sparserm" });
        builder.WebHost.UseKestrelCore();
        // Whatever thread has a request goes on with it: nothing between its bytes and the engine waits.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        if (options.TlsCertificate is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.Services.AddRoutingCore();
        // Whoever runs the server decides when it stops; the host installs no handlers of signals.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Limits.Drain);
        logging?.Invoke(builder.Logging);
        foreach (string category in (string[])["Microsoft.Extensions.Hosting.Internal.Host", "Microsoft.AspNetCore.Server.Kestrel"])
            builder.Logging.AddFilter(category, level => listens() && level >= LogLevel.Warning);
        return builder.Build();
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.Limits.BodyBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = options.Limits.HeaderBytes;
        kestrel.Limits.MaxRequestHeaderCount = ServerLimits.HeaderCount;
        kestrel.Limits.RequestHeadersTimeout = options.Limits.Headers;
        // An answer is written at once and whole; the next request begins when the system has taken it over.
        kestrel.Limits.MaxResponseBufferSize = 0;
        kestrel.Listen(options.Listen, listen =>
        {
            listen.Protocols = options.TlsCertificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (options.TlsCertificate is { } certificate) listen.UseHttps(Certificate(certificate, options.TlsKey!));
            else listen.Use(next => connection => ClientPresence.RunAsync(connection, next));
        });
    }

    private static X509Certificate2 Certificate(string certificate, string key)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(certificate, key);
        }
        catch (Exception error) when (error is IOException or System.Security.Cryptography.CryptographicException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{certificate} with key {key} cannot be used for TLS: {error.Message.TrimEnd('.')}; give a PEM certificate and its unencrypted PEM key");
        }
    }

    private static void Map(WebApplication app, ServerParts parts)
    {
        var pipeline = new RequestPipeline(parts);
        IReadOnlyList<WireRoute> routes = [.. WireRoutes.All(parts.Options.Rerank), .. FleetRoutes.All];
        foreach (var route in routes)
            app.MapMethods(route.Path, [route.Method], (RequestDelegate)(http => pipeline.RunAsync(http, route)));
        var known = routes.ToLookup(route => route.Path, StringComparer.OrdinalIgnoreCase);
        app.MapFallback("{*path}", (RequestDelegate)(http => pipeline.RunAsync(http, Unserved(known[http.Request.Path.Value is { Length: > 1 } path ? path.TrimEnd('/') : "/"]))));
    }

    /// <summary>What answers a request that no route takes.</summary>
    /// <param name="others">Routes of its path, which have other methods.</param>
    private static WireRoute Unserved(IEnumerable<WireRoute> others)
    {
        string methods = string.Join(", ", others.Select(route => route.Method).Distinct());
        return new WireRoute("", "", "none", others.FirstOrDefault()?.Errors ?? ErrorShapes.Own, call =>
        {
            string asked = $"{call.Http.Request.Method} {call.Http.Request.Path}";
            if (methods.Length == 0) throw new Fault(FaultKind.NoRoute, $"{asked} is not served; /openapi.json lists what is");
            call.Http.Response.Headers.Allow = methods;
            throw new Fault(FaultKind.NoMethod, $"{asked} is not served, {methods} is; /openapi.json says what to send");
        })
        { HasBody = false, IsOpen = true };
    }

    private static async Task Listen(WebApplication app, ServerOptions options, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            throw new SparseRMException($"{options.Listen} cannot be listened on: {error.Message.TrimEnd('.')}; give another address or port");
        }
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
