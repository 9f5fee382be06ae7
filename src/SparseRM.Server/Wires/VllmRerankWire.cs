using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>vLLM's <c>/rerank</c>, <c>/v1/rerank</c>, <c>/v2/rerank</c>: answers to one query, best first.</summary>
internal static class VllmRerankWire
{
    /// <summary>Answers a request with <c>documents</c>.</summary>
    public static async Task AnswerAsync(WireCall call)
    {
        var request = call.Request;
        var (work, documents) = Read(request);
        int top = request.Whole("top_n", 0) is > 0 and { } asked ? Math.Min(asked, documents.Length) : documents.Length;
        var answer = await call.ScoreAsync(work).ConfigureAwait(false);
        float[] scores = VllmFields.Activated(request, answer.Scores), raw = answer.Scores;
        // By the raw rewards: sigmoids of two large ones may be equal.
        int[] order = [.. Enumerable.Range(0, raw.Length).OrderByDescending(i => raw[i]).Take(top)];
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead(VllmFields.Id(request, "rerank"), null, answer);
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", answer.Tokens);
            json.WriteNumber("total_tokens", answer.Tokens);
            json.WriteEndObject();
            json.WriteStartArray("results");
            foreach (int i in order)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteStartObject("document");
                json.WriteString("text", documents[i]);
                json.WriteNull("multi_modal");
                json.WriteEndObject();
                json.WriteNumber("relevance_score", scores[i]);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    /// <summary>Query and documents, which SGLang names alike.</summary>
    public static (ScoreWork Work, string[] Documents) Read(JsonElement request)
    {
        string query = VllmFields.ScoreText(request.Need("query"), "query");
        string[] documents = VllmFields.ScoreTexts(request.Need("documents"), "documents");
        if (documents.Length == 0) throw new Fault(FaultKind.Empty, "documents is an empty list; give at least one", "documents");
        return (VllmFields.Work(request, [.. documents.Select((text, i) => DialogueItem.Of($"documents[{i}]", [new Message("user", query)], text, prior: "query"))]), documents);
    }
}
