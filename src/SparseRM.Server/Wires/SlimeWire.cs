using System.Text.Json;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>slime and miles: <c>{"prompt": str|[messages], "response": str, "label"}</c>; the answer is the reward itself, a bare number.</summary>
internal static class SlimeWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/slime", "slime", ErrorShapes.Slime, AnswerAsync)];

    private static async Task AnswerAsync(WireCall call)
    {
        var answer = await call.ScoreAsync(new ScoreWork([Item(call.Request)])).ConfigureAwait(false);
        float score = answer.Items[0].Score;
        await call.WriteAsync(json => json.WriteNumberValue(score)).ConfigureAwait(false);
    }

    /// <summary>A prompt that is a text was rendered already: prompt and response are what the policy read and wrote.</summary>
    public static ScoreItem Item(JsonElement request)
    {
        var prompt = request.Need("prompt");
        string response = request.Need("response").Text("response");
        return prompt.ValueKind == JsonValueKind.String
            ? new TextItem("prompt", prompt.Text("prompt") + response) : DialogueItem.Of("prompt", prompt.Messages("prompt"), response);
    }
}
