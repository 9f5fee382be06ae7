using SparseRM.Server.Http;

namespace SparseRM.Server.Wires;

/// <summary>vLLM's <c>/classify</c>: one label, its sigmoid by default, the raw reward with <c>"use_activation": false</c>. What verl posts with a vLLM engine.</summary>
internal static class VllmClassifyWire
{
    /// <summary>Answers a request with <c>input</c> or <c>messages</c>.</summary>
    public static async Task AnswerAsync(WireCall call)
    {
        var request = call.Request;
        var work = VllmFields.Work(request, VllmFields.Inputs(request));
        var answer = await call.ScoreAsync(work).ConfigureAwait(false);
        float[] scores = VllmFields.Activated(request, answer.Scores);
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead(VllmFields.Id(request, "classify"), "list", answer);
            json.WriteStartArray("data");
            for (int i = 0; i < scores.Length; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteString("label", "LABEL_0");
                json.WriteNumbers("probs", [scores[i]]);
                json.WriteNumber("num_classes", 1);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteUsage(answer);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }
}
