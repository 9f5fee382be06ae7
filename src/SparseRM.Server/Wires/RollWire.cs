using System.Globalization;
using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>ROLL's remote reward: submit, then poll. A failure has an <c>errcode</c> of its own and no score.</summary>
internal static class RollWire
{
    /// <summary>The routes; the second one is a GET with a JSON body.</summary>
    public static IEnumerable<WireRoute> Routes =>
    [
        new("POST", "/roll/submit", "roll", ErrorShapes.Roll, SubmitAsync),
        new("GET", "/roll/result", "roll", ErrorShapes.Roll, ResultAsync) { WhileStopping = true, OwnerOf = OwnerOf },
    ];

    // In a fleet a result's id ends with the member that has it.
    private static string? OwnerOf(WireCall call) => call.Request.Need("reward_request_id").Text("reward_request_id") is var id && id.IndexOf('@') is >= 0 and var at ? id[(at + 1)..] : null;

    private static Task SubmitAsync(WireCall call)
    {
        var request = call.Request;
        double? seconds = null;
        if (request.Has("timeout", out var timeout))
            seconds = timeout.ValueKind == JsonValueKind.Number && timeout.GetDouble() > 0 ? timeout.GetDouble() : throw Fields.Not(timeout, "timeout", "a number of seconds above 0");
        var work = call.Named(new ScoreWork([SlimeWire.Item(request)])
        {
            Priority = Priority.Bulk,
            Deadline = seconds is < 1e6 ? TimeSpan.FromSeconds(seconds.Value) : null,
        });
        RefuseFull(call, work);
        // It is scored whether or not this connection stays, and by another thread than the one that answers now.
        var pending = call.Parts.Pending.Add(() => Task.Run(async () =>
        {
            var answer = await call.Parts.Core.ScoreAsync(work, call.Arrived, CancellationToken.None).ConfigureAwait(false);
            return new PendingScore(answer.Items[0].Score, answer.Items[0].Tokens, answer.Reward.Name);
        }));
        return call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("errcode", 0);
            json.WriteString("reward_request_id", call.Parts.Fleet is { } fleet ? $"{pending.Id}@{fleet.Mark}" : pending.Id);
            json.WriteEndObject();
        });
    }

    private static async Task ResultAsync(WireCall call)
    {
        var pending = call.Parts.Pending.Find(call.Request.Need("reward_request_id").Text("reward_request_id").Split('@')[0]);
        if (!pending.Score.IsCompleted)
        {
            await call.WriteAsync(json =>
            {
                json.WriteStartObject();
                json.WriteNumber("errcode", 1);
                json.WriteString("start_time", Iso(pending.Start));
                json.WriteEndObject();
            }).ConfigureAwait(false);
            return;
        }
        pending.IsFetched = true;
        var (score, tokens, model) = await pending.Score.ConfigureAwait(false);
        var end = await pending.End.ConfigureAwait(false);
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("errcode", 0);
            json.WriteNumber("reward_score", score);
            json.WriteStartObject("dimention_reward_score");
            json.WriteStartObject(model);
            json.WriteStartObject("debug_info");
            json.WriteNumber("score", score);
            json.WriteNumber("tokens", tokens);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteString("start_time", Iso(pending.Start));
            json.WriteString("end_time", Iso(end));
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    // Its client tries a submit again, and takes a result that failed for a reward of 0.
    private static void RefuseFull(WireCall call, ScoreWork work)
    {
        using var use = new RewardUse(call.Parts.Registry, work.Model);
        int most = call.Parts.Options.Backbone.Queue.MaxRequests;
        if (use.Reward.Scorer.Backbone.Counts.WaitingRequests >= most) throw new Fault(FaultKind.Full, $"{most} requests wait already; try again later");
    }

    private static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture);
}
