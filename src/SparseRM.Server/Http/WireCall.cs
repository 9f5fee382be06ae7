using System.Buffers;
using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Faults;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Http;

/// <summary>One request as a wire sees it: the body, the scorer, and how to answer.</summary>
internal sealed class WireCall(HttpContext http, WireRoute route, ServerParts parts)
{
    private static readonly JsonWriterOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The server's parts.</summary>
    public ServerParts Parts => parts;

    /// <summary>The request and response.</summary>
    public HttpContext Http => http;

    /// <summary>The JSON body.</summary>
    public JsonElement Body { get; internal set; }

    /// <summary>How failures are told; a route of two wires sets it once it knows which.</summary>
    public ErrorShape Errors { get; set; } = route.Errors;

    /// <summary>Whose form the request has; a route of two wires sets it.</summary>
    public string Wire { get; set; } = route.Wire;

    /// <summary>Cancelled when the client goes away; not when it closes its own half and reads on.</summary>
    public CancellationToken Cancel => http.RequestAborted;

    /// <summary>When its headers were there: what it may take counts from then on.</summary>
    public long Arrived { get; private set; } = Stopwatch.GetTimestamp();

    /// <summary>Whether a member of the fleet asks, which asks the next one where this one is full, stops or has other means.</summary>
    public bool MayPass { get; set; }

    /// <summary>The body as an object.</summary>
    /// <exception cref="Fault">It is something else.</exception>
    public JsonElement Request => Body.ValueKind == JsonValueKind.Object ? Body : throw new Fault(FaultKind.Malformed, $"the body is {Fields.Shown(Body)}, expected a JSON object");

    /// <summary>Scores with the reward model that the request names.</summary>
    public Task<ScoreAnswer> ScoreAsync(ScoreWork work) => parts.Core.ScoreAsync(Named(work), Arrived, Cancel);

    /// <summary>Work for the reward model that the request's <c>model</c> names, on every wire: no other may answer in its place.</summary>
    /// <exception cref="Fault">The request has pictures or sounds beside its texts.</exception>
    public ScoreWork Named(ScoreWork work)
    {
        Request.RefuseMedia("");
        return work with { Model = Request.TextOrNull("model") };
    }

    /// <summary>It was at another member before: its time goes on from there.</summary>
    /// <param name="elapsed">What it has taken.</param>
    public void WasElsewhere(TimeSpan elapsed) => Arrived -= (long)(elapsed.TotalSeconds * Stopwatch.Frequency);

    /// <summary>The request was read: its answer is being computed from now on.</summary>
    public void Waits()
    {
        if (HttpProtocol.IsHttp11(http.Request.Protocol)) http.Features.Get<ClientPresence>()?.Waits();
    }

    /// <summary>Writes a JSON answer, at once and with its length.</summary>
    public async Task WriteAsync(Action<Utf8JsonWriter> write, int status = 200)
    {
        var bytes = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(bytes, s_json)) write(json);
        await WriteAsync(bytes.WrittenMemory, "application/json", status).ConfigureAwait(false);
    }

    /// <summary>Writes an answer.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> body, string type, int status = 200)
    {
        http.Features.Get<ClientPresence>()?.IsAnswered();
        http.Response.StatusCode = status;
        http.Response.ContentType = type;
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, Cancel).ConfigureAwait(false);
    }

    /// <summary>Writes a failure in the wire's own shape.</summary>
    public Task WriteAsync(Fault fault)
    {
        int status = Errors.Status(fault);
        if (status is 429 or 503) http.Response.Headers.RetryAfter = "1";
        if (MayPass && fault.Kind is FaultKind.Full or FaultKind.Unavailable) http.Response.Headers[IFleet.PassHeader] = "1";
        if (status == 401) http.Response.Headers.WWWAuthenticate = "Bearer";
        return WriteAsync(json => Errors.Write(json, fault, status), status);
    }
}
