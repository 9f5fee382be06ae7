using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>SGLang's <c>/v1/score</c> and <c>/v1/rerank</c>. Raw rewards.</summary>
internal static class SglangOpenAiWire
{
    /// <summary>Answers <c>/v1/score</c>: query and item are one text, the item last unless <c>item_first</c>.</summary>
    public static async Task ScoreAsync(WireCall call)
    {
        var request = call.Request;
        if (request.Bool("apply_softmax") == true) throw new Fault(FaultKind.Field, "apply_softmax over one label is always 1 and no reward; leave it out", "apply_softmax");
        if (request.Bool("return_pooled_hidden_states") == true) throw new Fault(FaultKind.Field, "return_pooled_hidden_states is not supported; leave it out", "return_pooled_hidden_states");
        if (request.Has("label_token_ids", out var labels) && labels.List("label_token_ids").GetArrayLength() > 0)
            throw new Fault(FaultKind.Field, "label_token_ids are of generative models; a reward model has one label, leave them out", "label_token_ids");
        var answer = await call.ScoreAsync(new ScoreWork(Items(request))).ConfigureAwait(false);
        float[] scores = answer.Scores;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("scores");
            foreach (float score in scores) json.WriteNumbers([score]);
            json.WriteEndArray();
            json.WriteString("model", answer.Reward.Name);
            json.WriteUsage(answer);
            json.WriteString("object", "scoring");
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>Answers <c>/v1/rerank</c>: a bare list, best first.</summary>
    public static async Task RerankAsync(WireCall call)
    {
        var request = call.Request;
        if (request.Has("instruct")) throw new Fault(FaultKind.Field, "instruct cannot be obeyed: a dialogue is scored as the model's own template has it; leave it out", "instruct");
        var (work, documents) = VllmRerankWire.Read(request);
        int top = Math.Min(request.Whole("top_n", 1) ?? documents.Length, documents.Length);
        bool withDocuments = request.Bool("return_documents") ?? true;
        var answer = await call.ScoreAsync(work).ConfigureAwait(false);
        float[] scores = answer.Scores;
        await call.WriteAsync(json =>
        {
            json.WriteStartArray();
            foreach (int i in Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(top))
            {
                json.WriteStartObject();
                json.WriteNumber("score", scores[i]);
                if (withDocuments) json.WriteString("document", documents[i]);
                json.WriteNumber("index", i);
                json.WriteMetaInfo(answer.Items[i].Tokens);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    private static ScoreItem[] Items(JsonElement request)
    {
        bool itemFirst = request.Bool("item_first") ?? false;
        var query = request.Need("query");
        var items = request.Need("items");
        if (query.ValueKind == JsonValueKind.String)
        {
            string text = query.Text("query");
            string[] others = items.ValueKind == JsonValueKind.String
                ? [items.Text("items")] : [.. items.List("items", "a string or a list of strings").EnumerateArray().Select((item, i) => item.Text($"items[{i}]"))];
            return [.. others.Select((item, i) => new TextItem($"items[{i}]", itemFirst ? item + text : text + item))];
        }
        int[] ids = query.List("query", "a string or a list of token ids").Ids("query");
        return [.. items.List("items").EnumerateArray().Select((item, i) => (Ids: item.Ids($"items[{i}]"), Field: $"items[{i}]"))
            .Select(item => new IdsItem(item.Field, itemFirst ? [.. item.Ids, .. ids] : [.. ids, .. item.Ids]))];
    }
}
