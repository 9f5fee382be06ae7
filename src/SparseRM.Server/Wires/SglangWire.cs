using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>SGLang's own routes: <c>/classify</c> with <c>text</c> or <c>input_ids</c>, and the older <c>/judge</c> with dialogues. Raw rewards.</summary>
internal static class SglangWire
{
    /// <summary>The routes that are SGLang's alone. Its <c>/v1/classify</c> is told no: what its owner answers there is 1 for every text.</summary>
    public static IEnumerable<WireRoute> Routes =>
    [
        new("POST", "/judge", "sglang", ErrorShapes.Sglang, JudgeAsync),
        new("POST", "/v1/classify", "sglang", ErrorShapes.SglangOpenAi, call => throw new Fault(FaultKind.Field,
            "/v1/classify gives the softmax over the labels, which is 1 for whatever text where there is one label, and no reward; post text to /classify, or input to /v1/embeddings")),
    ];

    /// <summary>Answers <c>/classify</c>: an object for one input, a list for a list.</summary>
    public static Task ClassifyAsync(WireCall call)
    {
        var request = call.Request;
        bool isText = request.Has("text", out var input);
        if (isText && request.Has("input_ids")) throw new Fault(FaultKind.Field, "Either text or input_ids should be provided, not both", "input_ids");
        string name = isText ? "text" : "input_ids";
        if (!isText) input = request.Need("input_ids");
        bool isList = input.ValueKind == JsonValueKind.Array && (isText || input.GetArrayLength() == 0 || input[0].ValueKind == JsonValueKind.Array);
        ScoreItem[] items = isList
            ? [.. input.EnumerateArray().Select((item, i) => Item(item, $"{name}[{i}]", isText))]
            : [Item(input, name, isText)];
        return WriteAsync(call, items, isList);
    }

    private static Task JudgeAsync(WireCall call)
    {
        call.Request.Refuse("", SlimeWire.NoTools, "tools", "functions");
        var conversations = call.Request.Need("conv").List("conv");
        bool isList = conversations.GetArrayLength() == 0 || conversations[0].ValueKind == JsonValueKind.Array;
        ScoreItem[] items = isList
            ? [.. conversations.EnumerateArray().Select((item, i) => new DialogueItem($"conv[{i}]", item.Answered($"conv[{i}]")))]
            : [new DialogueItem("conv", conversations.Answered("conv"))];
        return WriteAsync(call, items, isList);
    }

    private static ScoreItem Item(JsonElement value, string field, bool isText) => isText ? new TextItem(field, value.Text(field)) : new IdsItem(field, value.Ids(field));

    private static async Task WriteAsync(WireCall call, ScoreItem[] items, bool isList)
    {
        if (items.Length == 0) throw new Fault(FaultKind.Empty, "the list of inputs is empty; give at least one");
        var answer = await call.ScoreAsync(new ScoreWork(items)).ConfigureAwait(false);
        float[] scores = answer.Scores;
        await call.WriteAsync(json =>
        {
            if (isList) json.WriteStartArray();
            for (int i = 0; i < scores.Length; i++)
            {
                json.WriteStartObject();
                json.WriteNumbers("embedding", [scores[i]]);
                json.WriteMetaInfo(answer.Items[i].Tokens);
                json.WriteEndObject();
            }
            if (isList) json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    /// <summary>SGLang's <c>meta_info</c>.</summary>
    public static void WriteMetaInfo(this Utf8JsonWriter json, int tokens)
    {
        json.WriteStartObject("meta_info");
        json.WriteString("id", Guid.NewGuid().ToString("N"));
        json.WriteStartObject("finish_reason");
        json.WriteString("type", "length");
        json.WriteNumber("length", 0);
        json.WriteEndObject();
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteEndObject();
    }
}
