using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>OpenRLHF's remote reward: <c>{"query": [str], "prompts": [str], "labels": [str|null]}</c>, the query being prompt and response with special tokens kept.</summary>
/// <remarks>A sharded client may send empty lists: they are answered with empty lists. It cannot be told that one of several failed, so then all fail.</remarks>
internal static class OpenRlhfWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/get_reward", "openrlhf", ErrorShapes.OpenRlhf, AnswerAsync)];

    private static async Task AnswerAsync(WireCall call)
    {
        var query = call.Request.Need("query");
        // A single text is what its older clients sent.
        ScoreItem[] items = query.ValueKind == System.Text.Json.JsonValueKind.String
            ? [new TextItem("query", query.Text("query"))]
            : [.. query.List("query", "a list of strings").EnumerateArray().Select((text, i) => new TextItem($"query[{i}]", text.Text($"query[{i}]")))];
        // Lists that its clients send beside the texts, one entry each: others would give a reward to the wrong sample.
        foreach (string name in (ReadOnlySpan<string>)["prompts", "labels"])
            if (call.Request.Has(name, out var beside) && beside.ValueKind == System.Text.Json.JsonValueKind.Array && beside.GetArrayLength() is var count && count != items.Length)
                throw new Fault(FaultKind.Field, $"{name} has {count} entries and query {items.Length}; give one for each text, or leave it out", name);
        var answer = await call.ScoreAsync(new ScoreWork(items)).ConfigureAwait(false);
        float[] scores = answer.Scores;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteNumbers("rewards", scores);
            json.WriteNumbers("scores", scores);
            json.WriteStartObject("extra_logs");
            json.WriteNumbers("raw_reward", scores);
            json.WriteEndObject();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }
}
