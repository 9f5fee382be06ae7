using System.Text.Json;
using SparseRM.Models;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>text-embeddings-inference: <c>/predict</c> and <c>/rerank</c> with <c>texts</c>. The sigmoid of the reward, unless <c>raw_scores</c> is true.</summary>
internal static class TeiWire
{
    /// <summary>The route that is TEI's alone.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/predict", "tei", ErrorShapes.Tei, PredictAsync)];

    /// <summary>Answers <c>/rerank</c>: a bare list, best first.</summary>
    public static async Task RerankAsync(WireCall call)
    {
        var request = call.Request;
        string query = request.Need("query").Text("query");
        string[] texts = [.. request.Need("texts").List("texts").EnumerateArray().Select((text, i) => text.Text($"texts[{i}]"))];
        if (texts.Length == 0) throw new Fault(FaultKind.Empty, "`texts` cannot be empty", "texts");
        bool raw = request.Bool("raw_scores") ?? false, withText = request.Bool("return_text") ?? false;
        var items = texts.Select((text, i) => DialogueItem.Of($"texts[{i}]", [new Message("user", query)], text, prior: "query"));
        float[] scores = (await call.ScoreAsync(Work(request, [.. items])).ConfigureAwait(false)).Scores;
        await call.WriteAsync(json =>
        {
            json.WriteStartArray();
            foreach (int i in Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]))
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                if (withText) json.WriteString("text", texts[i]);
                json.WriteNumber("score", raw ? scores[i] : JsonWriting.Sigmoid(scores[i]));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    private static async Task PredictAsync(WireCall call)
    {
        var request = call.Request;
        var (items, isBatch) = Inputs(request.Need("inputs"));
        bool raw = request.Bool("raw_scores") ?? false;
        float[] scores = (await call.ScoreAsync(Work(request, items)).ConfigureAwait(false)).Scores;
        await call.WriteAsync(json =>
        {
            if (isBatch) json.WriteStartArray();
            foreach (float score in scores)
            {
                json.WriteStartArray();
                json.WriteStartObject();
                json.WriteNumber("score", raw ? score : JsonWriting.Sigmoid(score));
                json.WriteString("label", "LABEL_0");
                json.WriteEndObject();
                json.WriteEndArray();
            }
            if (isBatch) json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    /// <summary>A text, a pair of texts, or a list of lists of one or two: one prediction or a batch.</summary>
    private static (IReadOnlyList<ScoreItem> Items, bool IsBatch) Inputs(JsonElement inputs)
    {
        if (inputs.ValueKind == JsonValueKind.String) return ([new TextItem("inputs", inputs.Text("inputs"))], false);
        int count = inputs.List("inputs", "a string, a list of one or two, or a list of such lists").GetArrayLength();
        if (count == 0) throw new Fault(FaultKind.Empty, "`inputs` cannot be empty", "inputs");
        if (inputs[0].ValueKind == JsonValueKind.String) return ([Sequence(inputs, "inputs")], false);
        return ([.. inputs.EnumerateArray().Select((item, i) => Sequence(item, $"inputs[{i}]"))], true);
    }

    private static ScoreItem Sequence(JsonElement value, string field) => value.List(field).GetArrayLength() switch
    {
        1 => new TextItem(field, value[0].Text(field)),
        2 => DialogueItem.Of(field, [new Message("user", value[0].Text($"{field}[0]"))], value[1].Text($"{field}[1]"), prior: null),
        var count => throw new Fault(FaultKind.Field, $"{field} has {count} texts, expected 1 or 2 (a list of texts is sent as a list of lists)", field),
    };

    private static ScoreWork Work(JsonElement request, IReadOnlyList<ScoreItem> items)
    {
        string side = request.Word("truncation_direction", "right", "left", "Right", "Left") ?? "right";
        return new ScoreWork(items)
        {
            Truncation = request.Bool("truncate") != true ? Truncation.Refuse
                : side.Equals("left", StringComparison.OrdinalIgnoreCase) ? Truncation.Left : Truncation.Right,
        };
    }
}
