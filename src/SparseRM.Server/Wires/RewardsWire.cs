using System.Text.Json;
using SparseRM.Server.Faults;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>Our own wire, <c>/v1/rewards</c>: everything that the library says of an input, and an error of its own for each input that has no score.</summary>
internal static class RewardsWire
{
    /// <summary>The route.</summary>
    public static IEnumerable<WireRoute> Routes => [new("POST", "/v1/rewards", "rewards", ErrorShapes.Own, AnswerAsync) { IsStrict = true }];

    private static async Task AnswerAsync(WireCall call)
    {
        var request = RewardsRequest.Read(call.Request, call.Parts.Options.Limits.Items);
        var answer = await call.ScoreAsync(request.Work).ConfigureAwait(false);
        // Where nothing has a score, a client that looks at the status alone must see a failure.
        if (answer.Items.Count > 0 && answer.Items.All(item => item.Fault is not null)) throw answer.Items[0].Fault!;
        await call.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteHead($"rewards-{Guid.NewGuid():N}", "rewards", answer);
            json.WriteString("fingerprint", answer.Reward.Fingerprint);
            json.WriteString("model_fingerprint", answer.Reward.Scorer.Reward.Metadata.Identity.ModelFingerprint);
            json.WriteString("variant", answer.Reward.Variant);
            json.WriteStartArray("results");
            int next = 0;
            for (int i = 0; i < request.Counts.Count; i++)
            {
                json.WriteStartObject();
                json.WriteNumber("index", i);
                if (request.Counts[i] is { } count)
                {
                    json.WriteStartArray("results");
                    for (int end = next + count; next < end; next++)
                    {
                        json.WriteStartObject();
                        Write(json, answer.Items[next], request);
                        json.WriteEndObject();
                    }
                    json.WriteEndArray();
                }
                else
                {
                    Write(json, answer.Items[next++], request);
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", answer.Tokens);
            json.WriteNumber("total_tokens", answer.Tokens);
            json.WriteEndObject();
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static void Write(Utf8JsonWriter json, ScoredItem item, RewardsRequest request)
    {
        if (item.Fault is { } fault)
        {
            json.WritePropertyName("error");
            OwnErrors.WriteError(json, fault);
            return;
        }
        var result = item.Result;
        json.WriteNumber("score", result.Score);
        json.WriteNumber("tokens", item.Tokens);
        json.WriteString("bos", item.Encoded.Bos.ToString().ToLowerInvariant());
        json.WriteNumber("truncated", item.Encoded.Input.Dropped);
        if (request.Work.Doubt) WriteNullable(json, "standard_deviation", result.StandardDeviation);
        if (request.Work.Novelty) WriteNullable(json, "novelty", result.Novelty);
        if (request.Components) WriteComponents(json, result);
        if (request.Work.PerToken != PerToken.None)
        {
            json.WriteNumbers("token_scores", [.. result.TokenScores.Select(token => token.Score)]);
            json.WriteStartArray("token_positions");
            foreach (var token in result.TokenScores) json.WriteNumberValue(token.Position);
            json.WriteEndArray();
        }
        if (result.Explanation is { } explanation) ExplanationWriting.Write(json, item, explanation);
    }

    private static void WriteComponents(Utf8JsonWriter json, ScoreResult result)
    {
        json.WriteStartArray("components");
        foreach (var component in result.Components)
        {
            json.WriteStartObject();
            json.WriteString("name", component.Name);
            json.WriteNumber("score", component.Score);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>null is "not known", which is not 0.</summary>
    private static void WriteNullable(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } known) json.WriteNumber(name, known);
        else json.WriteNull(name);
    }
}
