using System.Globalization;
using System.Text.Json;
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
            seconds = timeout.ValueKind == JsonValueKind.Number ? timeout.GetDouble() : throw Fields.Not(timeout, "timeout", "a number of seconds");
        var work = call.Named(new ScoreWork([SlimeWire.Item(request)])
        {
            Priority = Priority.Bulk,
            Deadline = seconds is > 0 and < 1e6 ? TimeSpan.FromSeconds(seconds.Value) : null,
        });
        // It is scored whether or not this connection stays, and by another thread than the one that answers now.
        var pending = call.Parts.Pending.Add(() => Task.Run(() => call.Parts.Core.ScoreAsync(work, call.Arrived, CancellationToken.None)));
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
        var answer = await pending.Score.ConfigureAwait(false);
        var end = await pending.End.ConfigureAwait(false);
        float score = answer.Items[0].Score;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("errcode", 0);
            json.WriteNumber("reward_score", score);
            json.WriteStartObject("dimention_reward_score");
            json.WriteStartObject(answer.Reward.Name);
            json.WriteStartObject("debug_info");
            json.WriteNumber("score", score);
            json.WriteNumber("tokens", answer.Items[0].Tokens);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteString("start_time", Iso(pending.Start));
            json.WriteString("end_time", Iso(end));
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture);
}
