using System.Diagnostics;
using SparseRM.Server.Faults;

namespace SparseRM.Server.Telemetry;

/// <summary>Spans of requests and of what is scored for them. Where nobody listens there are none, and they cost nothing. No text is in them.</summary>
internal static class Spans
{
    /// <summary>What listeners ask for.</summary>
    public const string Name = "SparseRM.Server";

    /// <summary>Where they begin.</summary>
    public static readonly ActivitySource Source = new(Name);

    /// <summary>Says why there is no score.</summary>
    public static void Failed(Activity? span, Fault fault) => span?.SetTag("error.type", fault.Word).SetStatus(ActivityStatusCode.Error);
}
