using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Faults;
using SparseRM.Server.Serving;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Http;

/// <summary>What happens around each route: the key, the body, failures in the wire's shape, metrics, the log.</summary>
internal sealed class RequestPipeline(ServerParts parts)
{
    private const int ClientClosed = 499;
    private readonly byte[]? _keyHash = parts.Options.ApiKey is { } key ? SHA256.HashData(Encoding.UTF8.GetBytes(key)) : null;
    private readonly bool _isLocal = parts.Options is { ApiKey: null, Insecure: false } options && IPAddress.IsLoopback(options.Listen.Address);
    private readonly HeldBodies _bodies = new(parts.Options.Limits.HeldBodyBytes);
    private readonly JsonDocumentOptions _lenient = new() { MaxDepth = parts.Options.Limits.Nesting };
    private readonly JsonDocumentOptions _strict = new() { MaxDepth = parts.Options.Limits.Nesting, AllowDuplicateProperties = false };

    /// <summary>Answers a request of a route.</summary>
    public async Task RunAsync(HttpContext http, WireRoute route)
    {
        parts.Metrics.Began();
        var call = new WireCall(http, route, parts);
        long started = call.Arrived;
        var span = RequestTrace.Begin(http, route);
        int status = ClientClosed;
        try
        {
            await AnswerAsync(http, route, call).ConfigureAwait(false);
            status = http.Response.StatusCode;
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is left to be told.
        }
        catch (Exception error)
        {
            var fault = Fault.Of(error);
            Spans.Failed(span, fault);
            status = await RefuseAsync(http, call, route, error, fault).ConfigureAwait(false);
        }
        finally
        {
            parts.Metrics.Ended(call.Wire, status, started);
            RequestTrace.End(span, call, status);
            if (parts.Options.LogRequests) ServerLog.Answered(parts.Log, route.Method, route.Path, status, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
    }

    private async Task AnswerAsync(HttpContext http, WireRoute route, WireCall call)
    {
        bool isFromMember = parts.Fleet?.IsFromMember(http.Request) ?? false;
        call.MayPass = isFromMember;
        if (isFromMember) call.WasElsewhere(parts.Fleet!.ElapsedOf(http.Request));
        if (route.IsOfFleet && !isFromMember) throw new Fault(FaultKind.NoRoute, $"{http.Request.Method} {http.Request.Path} is not served; /openapi.json lists what is");
        if (!route.IsOpen && !isFromMember && !HasKey(http.Request)) throw new Fault(FaultKind.Unauthorized, "the API key is missing or wrong; send it as a bearer token or as X-API-Key");
        if (_isLocal && !route.IsOpen && !isFromMember && !IsThisMachine(http.Request.Host.Host))
            throw new Fault(FaultKind.Forbidden, $"the request is for the host '{http.Request.Host.Host}', and without an API key only localhost, 127.0.0.1 and [::1] are served; use one of those, or set a key");
        if (_isLocal && !route.IsOpen && !isFromMember && !IsOfThisMachine(http.Request.Headers.Origin))
            throw new Fault(FaultKind.Forbidden, $"the request comes from a web page of '{http.Request.Headers.Origin}', and without an API key only pages of this machine are served; set a key");
        if (parts.IsStopping && !route.WhileStopping) throw new Fault(FaultKind.Unavailable, "the server is about to stop; ask another one, or again later");
        if (!route.HasBody)
        {
            await route.Handle(call).ConfigureAwait(false);
            return;
        }
        using var held = _bodies.Begin();
        using var body = await ReadAsync(http, route, held).ConfigureAwait(false);
        call.Body = body.RootElement;
        route.Tell?.Invoke(call);
        Bound(body.RootElement, 3);
        if (parts.Options.LogTexts) ServerLog.Body(parts.Log, route.Method, route.Path, body.RootElement.GetRawText());
        call.Waits();
        await (parts.Fleet is { } fleet && !isFromMember ? AnswerInFleetAsync(fleet, route, call) : AnswerHereAsync(route, call, isFromMember)).ConfigureAwait(false);
    }

    /// <summary>Answers a client of this member: here, or at the member that has the request's prompt or result.</summary>
    private static async Task AnswerInFleetAsync(IFleet fleet, WireRoute route, WireCall call)
    {
        if (route.OwnerOf is not { } owner) await fleet.AnswerAsync(call, route.Handle).ConfigureAwait(false);
        else if (owner(call) is not { } mark || !await fleet.TryAnswerAtAsync(call, mark).ConfigureAwait(false)) await route.Handle(call).ConfigureAwait(false);
    }

    /// <summary>Answers a client of a server that is alone, or a member that has chosen this one. What only one member has is the same by whatever means it answers now.</summary>
    private Task AnswerHereAsync(WireRoute route, WireCall call, bool isFromMember) => !isFromMember || route.OwnerOf is not null || parts.Fleet!.HasMeansOf(call.Http.Request)
        ? route.Handle(call) : throw new Fault(FaultKind.Unavailable, "this member of the fleet answers by other means than the one that asks; ask another one");

    /// <summary>The body, which must be there within the time that a request may take.</summary>
    private async Task<JsonDocument> ReadAsync(HttpContext http, WireRoute route, HeldBodies.Share held)
    {
        if (http.Request.Headers.ContentEncoding is [var coding, ..] && !"identity".Equals(coding, StringComparison.OrdinalIgnoreCase))
        {
            http.Response.Headers.AcceptEncoding = "identity";
            throw new Fault(FaultKind.Encoding, $"the body is encoded as '{coding}' (Content-Encoding), and this server takes plain JSON only; send it without");
        }
        using var late = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        late.CancelAfter(parts.Options.Limits.Deadline);
        try
        {
            return await JsonDocument.ParseAsync(held.Counted(http.Request.Body), route.IsStrict ? _strict : _lenient, late.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            // What still comes of it would be taken for the next request.
            http.Response.Headers.Connection = "close";
            throw ScoringCore.Over(parts.Options.Limits.Deadline);
        }
        catch (Fault full) when (full.Kind == FaultKind.Full)
        {
            http.Response.Headers.Connection = "close";
            throw;
        }
        // The size of a chunk that no number holds comes as this.
        catch (IOException error) when (error is not BadHttpRequestException && !http.RequestAborted.IsCancellationRequested)
        {
            throw MalformedBody.Broken(error);
        }
        catch (BadHttpRequestException error) when (error.StatusCode == 413)
        {
            throw new Fault(FaultKind.TooLarge, $"the body is larger than the {parts.Options.Limits.BodyBytes} bytes that this server takes; send less at once");
        }
    }

    /// <summary>Refuses long lists before anything is made of them; lists of numbers are ids, which the model's context bounds.</summary>
    private void Bound(JsonElement value, int levels)
    {
        if (value.ValueKind == JsonValueKind.Object && levels > 0)
        {
            foreach (var member in value.EnumerateObject()) Bound(member.Value, levels);
        }
        else if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is var count and > 0 && value[0].ValueKind != JsonValueKind.Number)
        {
            if (count > parts.Options.Limits.Items)
                throw new Fault(FaultKind.TooMany, $"the request has {count} inputs, this server takes {parts.Options.Limits.Items}; send them in parts");
            if (levels > 0)
                foreach (var item in value.EnumerateArray()) Bound(item, levels - 1);
        }
    }

    /// <returns>The status that the client saw.</returns>
    private async Task<int> RefuseAsync(HttpContext http, WireCall call, WireRoute route, Exception error, Fault fault)
    {
        if (!fault.IsCounted) parts.Metrics.Failed(fault.Word);
        // Members ask one that is not one yet, or not any more, some times a second.
        bool isOfStranger = route.IsOfFleet && fault.Kind == FaultKind.NoRoute;
        string problem = parts.Options.LogTexts || !fault.MayQuote ? fault.Message : fault.IsFieldQuoted ? "an unknown field" : fault.Field ?? "in the body";
        if (fault.Kind == FaultKind.Internal && !fault.IsCounted) ServerLog.Failed(parts.Log, fault.InnerException ?? error, http.Request.Method, http.Request.Path);
        else if (!isOfStranger) ServerLog.Refused(parts.Log, http.Request.Method, http.Request.Path, call.Errors.Status(fault), fault.Word, problem);
        if (http.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            http.Abort();
            return ClientClosed;
        }
        try
        {
            // A body that is not read to its end would be taken for the next request.
            if (fault.Kind is FaultKind.TooLarge or FaultKind.Encoding or FaultKind.Malformed or FaultKind.Unauthorized or FaultKind.Forbidden) http.Response.Headers.Connection = "close";
            await call.WriteAsync(fault).ConfigureAwait(false);
            return http.Response.StatusCode;
        }
        catch (Exception broken) when (broken is IOException or OperationCanceledException)
        {
            return ClientClosed;
        }
    }

    /// <summary>A name of another host that leads here is a web page's way around its browser's walls (DNS rebinding).</summary>
    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    /// <summary>A page of another site may post here without being able to read the answer; programs that are no browser name no origin.</summary>
    private static bool IsOfThisMachine(string? origin) => string.IsNullOrEmpty(origin) || (Uri.TryCreate(origin, UriKind.Absolute, out var page) && IsThisMachine(page.Host));

    /// <summary>Compared by hash, in constant time: neither its length nor its beginning can be guessed from times.</summary>
    private bool HasKey(HttpRequest request)
    {
        if (_keyHash is null) return true;
        string? given = request.Headers["X-API-Key"];
        if (given is null && (string?)request.Headers.Authorization is { } bearer && bearer.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)) given = bearer[7..].Trim();
        return given is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), _keyHash);
    }
}
