using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;
using SparseRM.Text;

namespace SparseRM.Server.Wires;

/// <summary>vLLM's <c>/score</c> and <c>/v1/score</c>: pairs 1:1, 1:N or N:N. The first text is a user's turn, the second the answer to it.</summary>
internal static class VllmScoreWire
{
    private static readonly (string First, string Second)[] s_names = [("queries", "documents"), ("queries", "items"), ("text_1", "text_2"), ("data_1", "data_2")];

    /// <summary>Answers a request.</summary>
    public static async Task AnswerAsync(WireCall call)
    {
        var request = call.Request;
        var work = VllmFields.Work(request, Pairs(request));
        var answer = await call.ScoreAsync(work).ConfigureAwait(false);
        float[] scores = VllmFields.Activated(request, answer.Scores);
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead(VllmFields.Id(request, "score"), "list", answer);
            json.WriteStartArray("data");
            for (int i = 0; i < scores.Length; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                json.WriteString("object", "score");
                json.WriteNumber("score", scores[i]);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteUsage(answer);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static DialogueItem[] Pairs(JsonElement request)
    {
        request.OneOf("queries", "text_1", "data_1");
        request.OneOf("documents", "items", "text_2", "data_2");
        foreach (var (first, second) in s_names)
        {
            if (!request.Has(first, out var ones) || !request.Has(second, out var others)) continue;
            string[] prompts = VllmFields.ScoreTexts(ones, first), answers = VllmFields.ScoreTexts(others, second);
            if (prompts.Length == 0) throw new Fault(FaultKind.Empty, $"At least one {first} element must be given", first);
            if (answers.Length == 0) throw new Fault(FaultKind.Empty, $"At least one {second} element must be given", second);
            if (prompts.Length > 1 && prompts.Length != answers.Length) throw new Fault(FaultKind.Field, "Input lengths must be either 1:1, 1:N or N:N", first);
            return [.. answers.Select((text, i) => DialogueItem.Of($"{second}[{i}]", [new Message("user", prompts[prompts.Length == 1 ? 0 : i])], text, prior: "query"))];
        }
        throw new Fault(FaultKind.Field, "give queries with documents or items, or text_1 with text_2, or data_1 with data_2");
    }
}
