using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Http;

/// <summary>The span of a request.</summary>
internal static class RequestTrace
{
    /// <summary>Begins it, below that of its client where it names one (<c>traceparent</c>).</summary>
    public static Activity? Begin(HttpContext http, WireRoute route)
    {
        if (!Spans.Source.HasListeners()) return null;
        // Where no client names a span this one is the first: the host's own, which nobody records, is none to be below.
        if (!ActivityContext.TryParse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState, isRemote: true, out var parent)) Activity.Current = null;
        var span = Spans.Source.StartActivity($"{http.Request.Method} {route.Path}", ActivityKind.Server, parent);
        span?.SetTag("http.request.method", http.Request.Method).SetTag("http.route", route.Path);
        return span;
    }

    /// <summary>Ends it.</summary>
    public static void End(Activity? span, WireCall call, int status)
    {
        if (span is null) return;
        span.SetTag("http.response.status_code", status).SetTag("sparserm.wire", call.Wire);
        if (status >= 500) span.SetStatus(ActivityStatusCode.Error);
        span.Dispose();
    }
}
