using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Http;

/// <summary>Spans of requests and of what is scored for them. Where nobody listens there are none, and they cost nothing. No text is in them.</summary>
internal static class RequestTrace
{
    /// <summary>What listeners ask for.</summary>
    public const string Name = "SparseRM.Server";

    private static readonly ActivitySource s_source = new(Name);

    /// <summary>Begins a request's span, below that of its client where it names one (<c>traceparent</c>).</summary>
    public static Activity? Begin(HttpContext http, WireRoute route)
    {
        if (!s_source.HasListeners()) return null;
        // Where no client names a span this one is the first: the host's own, which nobody records, is none to be below.
        if (!ActivityContext.TryParse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState, isRemote: true, out var parent)) Activity.Current = null;
        var span = s_source.StartActivity($"{http.Request.Method} {route.Path}", ActivityKind.Server, parent);
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

    /// <summary>Begins the span of waiting and scoring: from ids to results.</summary>
    public static Activity? BeginScoring(ServedReward reward, int inputs, long tokens) => s_source.StartActivity("score")
        ?.SetTag("sparserm.reward", reward.Name).SetTag("sparserm.inputs", inputs).SetTag("sparserm.tokens", tokens);

    /// <summary>Says why there is no score.</summary>
    public static void Failed(Activity? span, Fault fault) => span?.SetTag("error.type", fault.Word).SetStatus(ActivityStatusCode.Error);
}
