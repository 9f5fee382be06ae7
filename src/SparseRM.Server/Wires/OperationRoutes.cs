using System.Text;
using System.Text.Json;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Server.Telemetry;

namespace SparseRM.Server.Wires;

/// <summary>What those who run the server ask: is it alive, may it get requests, how is it doing, read the reward files again.</summary>
internal static class OperationRoutes
{
    /// <summary>The routes.</summary>
    public static IEnumerable<WireRoute> Routes =>
    [
        new("GET", "/health", "operation", ErrorShapes.Own, call => Status(call, "alive", 200)) { HasBody = false, IsOpen = true, WhileStopping = true },
        new("GET", "/ready", "operation", ErrorShapes.Own, ReadyAsync) { HasBody = false, IsOpen = true, WhileStopping = true },
        new("GET", "/metrics", "operation", ErrorShapes.Own, MetricsAsync) { HasBody = false, WhileStopping = true },
        new("POST", "/admin/reload", "operation", ErrorShapes.Own, ReloadAsync) { HasBody = false },
        new("GET", "/v1/recent", "operation", ErrorShapes.Own, RecentAsync) { HasBody = false },
    ];

    private static async Task ReadyAsync(WireCall call)
    {
        if (call.Parts.IsStopping)
        {
            await Status(call, "stopping", 503).ConfigureAwait(false);
            return;
        }
        await call.Parts.Registry.ProbeAsync(call.Cancel).ConfigureAwait(false);
        var faults = call.Parts.Registry.Faults;
        foreach (string fault in faults) ServerLog.NotReady(call.Parts.Log, fault);
        await Status(call, faults.Count == 0 ? "ready" : "known answers are wrong", faults.Count == 0 ? 200 : 503).ConfigureAwait(false);
    }

    private static Task Status(WireCall call, string word, int status) => call.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteString("status", word);
        json.WriteEndObject();
    }, status);

    private static Task MetricsAsync(WireCall call) =>
        call.WriteAsync(Encoding.UTF8.GetBytes(call.Parts.Metrics.Write(call.Parts.Registry, call.Parts.Fleet is { } fleet ? fleet.WriteTo : null)), "text/plain; version=0.0.4; charset=utf-8");

    /// <summary>All reward models, or <c>?model=NAME</c>; no request says which file is read.</summary>
    private static async Task ReloadAsync(WireCall call)
    {
        string? name = call.Http.Request.Query["model"];
        // A reload goes on where its caller gives up: half of one is none.
        var results = await call.Parts.ReloadAsync(name, CancellationToken.None).ConfigureAwait(false);
        await WriteAsync(call, results, results.All(result => result.Problem is null) ? 200 : 409).ConfigureAwait(false);
    }

    /// <summary>Writes what a reload did, or a step of one.</summary>
    /// <param name="call">Who asked.</param>
    /// <param name="results">What became of each reward model.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="done">What those are that have no problem.</param>
    public static Task WriteAsync(WireCall call, IReadOnlyList<ReloadResult> results, int status, string done = "reloaded") => call.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("models");
        foreach (var result in results)
        {
            json.WriteStartObject();
            json.WriteString("model", result.Name);
            json.WriteString("fingerprint", result.Fingerprint);
            json.WriteBoolean(done, result.Problem is null);
            if (result.Problem is { } problem) json.WriteString("problem", problem);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }, status);

    private static Task RecentAsync(WireCall call) => call.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("keeps", call.Parts.Recent.Keeps);
        if (call.Parts.Options.Example is var (prompt, first, second))
        {
            json.WriteStartObject("example");
            json.WriteString("prompt", prompt);
            json.WriteString("first", first);
            json.WriteString("second", second);
            json.WriteEndObject();
        }
        json.WriteStartArray("scores");
        foreach (var score in call.Parts.Recent.All)
        {
            json.WriteStartObject();
            json.WriteString("model", score.Model);
            json.WriteString("at", score.At);
            json.WriteNumber("score", score.Score);
            if (score.Text is { } text) json.WriteString("text", text);
            if (score.Messages is { } messages)
            {
                json.WriteStartArray("messages");
                foreach (var message in messages)
                {
                    json.WriteStartObject();
                    json.WriteString("role", message.Role);
                    json.WriteString("content", message.Content);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
