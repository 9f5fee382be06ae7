using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Server.Wires;

namespace SparseRM.Server.Fleet;

/// <summary>What members of a fleet ask each other. Nobody else is answered, and where there is no fleet nobody is.</summary>
internal static class FleetRoutes
{
    /// <summary>Paths of the routes.</summary>
    public const string Member = "/fleet/member", Prepare = "/fleet/prepare", Commit = "/fleet/commit", End = "/fleet/end";

    /// <summary>The routes.</summary>
    public static IReadOnlyList<WireRoute> All =>
    [
        Route("GET", Member, MemberAsync),
        Route("POST", Prepare, PrepareAsync),
        Route("POST", Commit, call =>
            OperationRoutes.WriteAsync(call, [call.Parts.Told(call.Parts.Registry.Commit(Asked(call, "reload"), Asked(call, "model"), Asked(call, "fingerprint")))], 200)),
        Route("POST", End, call =>
        {
            call.Parts.Registry.End(Asked(call, "reload"));
            return OperationRoutes.WriteAsync(call, [], 200);
        }),
    ];

    /// <summary>Requests that wait for the models, and how many may.</summary>
    public static (int Waiting, int Room) Queue(ServerParts parts) =>
        (parts.Registry.All.Max(reward => (int?)reward.Scorer.Backbone.Counts.WaitingRequests) ?? 0, parts.Options.Backbone.Queue.MaxRequests);

    private static WireRoute Route(string method, string path, Func<WireCall, Task> handle) => new(method, path, "fleet", ErrorShapes.Own, handle) { HasBody = false, IsOfFleet = true };

    private static string Asked(WireCall call, string name) => call.Http.Request.Query[name].ToString();

    // Where the asking member is gone, or has waited long enough, nothing stays prepared.
    private static async Task PrepareAsync(WireCall call)
    {
        call.Waits();
        var results = await ServerFleet.PrepareAsync(call.Parts, Asked(call, "reload"), call.Http.Request.Query["model"], call.Cancel).ConfigureAwait(false);
        await OperationRoutes.WriteAsync(call, results, 200, "prepared").ConfigureAwait(false);
    }

    private static Task MemberAsync(WireCall call) => call.WriteAsync(json =>
    {
        var (waiting, room) = Queue(call.Parts);
        json.WriteStartObject();
        call.Parts.Fleet!.WriteIdentity(json);
        json.WriteNumber("waiting", waiting);
        json.WriteNumber("room", room);
        json.WriteEndObject();
    });
}
