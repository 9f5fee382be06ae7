using System.Text.Json;
using SparseRM.Server.Http;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>OpenAI's <c>/v1/models</c>, with what a client may want to keep of each reward model.</summary>
internal static class ModelsWire
{
    /// <summary>The routes.</summary>
    public static IEnumerable<WireRoute> Routes => [new("GET", "/v1/models", "openai", ErrorShapes.OpenAi, AnswerAsync) { HasBody = false }];

    private static Task AnswerAsync(WireCall call) => call.WriteAsync(json =>
    {
        json.WriteStartObject();
        json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var reward in call.Parts.Registry.All) Write(json, reward);
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, ServedReward reward)
    {
        var identity = reward.Scorer.Reward.Metadata.Identity;
        json.WriteStartObject();
        json.WriteString("id", reward.Name);
        json.WriteString("object", "model");
        json.WriteNumber("created", reward.Since.ToUnixTimeSeconds());
        json.WriteString("owned_by", "sparserm");
        json.WriteString("root", identity.ModelName);
        json.WriteNumber("max_model_len", reward.Encoder.Context);
        json.WriteString("fingerprint", reward.Fingerprint);
        json.WriteString("model_fingerprint", identity.ModelFingerprint);
        json.WriteString("variant", reward.Variant);
        json.WriteNumber("layer", identity.Layer);
        json.WriteString("position", identity.Position.ToString().ToLowerInvariant());
        json.WriteString("chat_template", identity.TemplateName);
        json.WriteEndObject();
    }
}
