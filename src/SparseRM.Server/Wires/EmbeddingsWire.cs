using SparseRM.Server.Faults;
using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>OpenAI's <c>/v1/embeddings</c>: the raw reward as an embedding of one number. What verl posts with an SGLang engine.</summary>
internal static class EmbeddingsWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/v1/embeddings", "openai", ErrorShapes.OpenAi, AnswerAsync)];

    private static async Task AnswerAsync(WireCall call)
    {
        var request = call.Request;
        if (request.Whole("dimensions") is { } width and not 1) throw new Fault(FaultKind.Field, $"dimensions is {width}, but a reward is one number; leave it out", "dimensions");
        var encoding = NumberEncoding.Of(request);
        if (encoding.IsBytes) throw new Fault(FaultKind.Field, "encoding_format must be float or base64 here; /pooling answers in bytes", "encoding_format");
        var answer = await call.ScoreAsync(VllmFields.Work(request, VllmFields.Inputs(request))).ConfigureAwait(false);
        float[] scores = answer.Scores;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead(VllmFields.Id(request, "embd"), "list", answer);
            json.WriteStartArray("data");
            for (int i = 0; i < scores.Length; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteString("object", "embedding");
                if (encoding.IsBase64) json.WriteBase64String("embedding", encoding.Bytes([scores[i]]));
                else json.WriteNumbers("embedding", [scores[i]]);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteUsage(answer);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }
}
