using System.Text.Json;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>slime and miles: <c>{"prompt": str|[messages], "response": str, "label"}</c>; the answer is the reward itself, a bare number.</summary>
internal static class SlimeWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/slime", "slime", ErrorShapes.Slime, AnswerAsync)];

    /// <summary>Why tools are refused where a wire has no template arguments.</summary>
    public const string NoTools = "this route has no place for them in the text; post messages with template_arguments to /v1/rewards";

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
        if (prompt.ValueKind == JsonValueKind.String) return new TextItem("response", prompt.Text("prompt") + response);
        request.Refuse("", NoTools, "tools", "functions");
        return DialogueItem.Of("response", prompt.Messages("prompt", "a string or a list of messages"), response);
    }
}
