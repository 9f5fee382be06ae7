using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Cli.Terminal;
using SparseRM.Scoring;

namespace SparseRM.Cli.Commands;

/// <summary>Why an answer got its score, as JSON.</summary>
/// <remarks>
/// mean_score (of the mean training input) + the shares of the directions + remainder (of all other directions) = the score; of several components,
/// each times its weight.
/// </remarks>
internal static class ScoreExplanations
{
    /// <summary>The explanation of the only component, or of each component by its name.</summary>
    public static string Json(RewardExplanation explanation, bool byComponent)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (!byComponent) Write(json, explanation.Components[0]);
            foreach (var component in byComponent ? explanation.Components : [])
            {
                json.WriteStartObject(component.Name);
                Write(json, component);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter json, ComponentExplanation explanation)
    {
        json.WriteNumber("mean_score", explanation.Parts.MeanScore);
        json.WriteStartArray("directions");
        foreach (var (share, tokens) in explanation.Top) Write(json, share, tokens);
        json.WriteEndArray();
        json.WriteNumber("remainder", explanation.Remainder);
    }

    private static void Write(Utf8JsonWriter json, DirectionShare share, IReadOnlyList<TokenPush> tokens)
    {
        json.WriteStartObject();
        new Report().Add("latent", share.Latent?.Latent).Add("prefers", share.Latent is { } latent ? latent.Sign > 0 ? "chosen" : "rejected" : null)
            .Add("value", share.Value).Add("mean", share.Mean).Add("share", share.Share).WriteTo(json);
        json.WriteStartArray("tokens");
        foreach (var token in tokens)
        {
            json.WriteStartObject();
            new Report().Add("position", token.Position).Add("text", token.Text).Add("push", token.Push).WriteTo(json);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
