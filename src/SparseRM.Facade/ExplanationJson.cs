using System.Text.Json;

namespace SparseRM;

/// <summary>Writes why a component of a reward model gave its score, in the one form that the command line, the server and the C library tell it in.</summary>
/// <remarks>
/// <c>mean_score</c> (of the mean training input) + the shares of <c>directions</c> + <c>remainder</c> (of all other directions) = the component's score; of
/// several components, each times its weight. A direction that belongs to no latent has null for <c>latent</c> and <c>prefers</c>. All numbers but positions and
/// indices are in units of the score, or of a projection (<c>value</c>, <c>mean</c>).
/// </remarks>
internal static class ExplanationJson
{
    /// <summary>Writes the members of an object that the caller has begun, and ends.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="explanation">Of one component.</param>
    public static void Write(Utf8JsonWriter json, ComponentExplanation explanation)
    {
        json.WriteNumber("mean_score", explanation.Parts.MeanScore);
        json.WriteStartArray("directions");
        foreach (var direction in explanation.Top) Write(json, direction);
        json.WriteEndArray();
        json.WriteNumber("remainder", explanation.Remainder);
    }

    private static void Write(Utf8JsonWriter json, ExplainedDirection direction)
    {
        var share = direction.Share;
        json.WriteStartObject();
        json.WriteNumber("index", share.Index);
        if (share.Latent is { } latent)
        {
            json.WriteNumber("latent", latent.Latent);
            json.WriteString("prefers", latent.Sign > 0 ? "chosen" : "rejected");
        }
        else
        {
            json.WriteNull("latent");
            json.WriteNull("prefers");
        }
        json.WriteNumber("value", share.Value);
        json.WriteNumber("mean", share.Mean);
        json.WriteNumber("share", share.Share);
        json.WriteStartArray("tokens");
        foreach (var token in direction.Tokens)
        {
            json.WriteStartObject();
            json.WriteNumber("position", token.Position);
            json.WriteString("text", token.Text);
            json.WriteNumber("push", token.Push);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
