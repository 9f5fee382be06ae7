using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using SparseRM.Server.Faults;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Http;

/// <summary>
/// Counts and logs requests that end before any route hears of them: they are not HTTP, their headers are too slow or too many, or a field that HTTP needs is missing. The HTTP
/// server answers them by itself, with a status alone.
/// </summary>
internal sealed class UnreadRequests : IObserver<KeyValuePair<string, object?>>
{
    private const string Event = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";
    private readonly ServerParts _parts;

    private UnreadRequests(ServerParts parts) => _parts = parts;

    /// <summary>Begins to watch; disposing ends it.</summary>
    public static IDisposable Watch(DiagnosticListener events, ServerParts parts) => events.Subscribe(new UnreadRequests(parts), name => name == Event);

    /// <inheritdoc/>
    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value.Value is not IFeatureCollection features || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException error) return;
        // A request that has a route is the route's to tell of.
        if (features.Get<IEndpointFeature>()?.Endpoint is not null) return;
        _parts.Metrics.Failed(new Fault(error.StatusCode == 408 ? FaultKind.Deadline : FaultKind.Malformed, "").Word);
        ServerLog.Unread(_parts.Log, error.StatusCode, Problem(error));
    }

    private string Problem(BadHttpRequestException error) => error.StatusCode switch
    {
        408 => $"its headers took longer than {_parts.Options.Limits.Headers.TotalSeconds} s",
        431 => $"it has more headers than {_parts.Options.Limits.HeaderBytes} bytes or {ServerLimits.HeaderCount} lines",
        // Behind this the runtime may quote what was sent.
        _ => error.Message.Split(": '")[0].TrimEnd('.'),
    };

    /// <inheritdoc/>
    public void OnCompleted()
    {
    }

    /// <inheritdoc/>
    public void OnError(Exception error)
    {
    }
}
