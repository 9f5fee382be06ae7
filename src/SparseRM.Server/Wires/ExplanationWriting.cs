using System.Text.Json;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>Writes why an input got its score: the shares of directions, the tokens that push them, and all tokens' own sums.</summary>
internal static class ExplanationWriting
{
    /// <summary>Writes the member <c>explanation</c>.</summary>
    public static void Write(Utf8JsonWriter json, ScoredItem item, RewardExplanation explanation)
    {
        json.WriteStartObject("explanation");
        json.WriteStartArray("components");
        foreach (var component in explanation.Components) WriteComponent(json, component);
        json.WriteEndArray();
        WriteTokens(json, item, explanation);
        json.WriteEndObject();
    }

    private static void WriteComponent(Utf8JsonWriter json, ComponentExplanation explanation)
    {
        json.WriteStartObject();
        json.WriteString("name", explanation.Name);
        ExplanationJson.Write(json, explanation);
        json.WriteEndObject();
    }

    /// <summary>The text of every token, with what it pushes the named directions by in all.</summary>
    private static void WriteTokens(Utf8JsonWriter json, ScoredItem item, RewardExplanation explanation)
    {
        var input = item.Encoded.Input;
        var pushes = new double[input.Ids.Length];
        foreach (var token in explanation.Components.SelectMany(component => component.Top).SelectMany(direction => direction.Tokens))
            pushes[token.Position] += token.Push;
        json.WriteStartArray("tokens");
        for (int i = 0; i < pushes.Length; i++)
        {
            json.WriteStartObject();
            json.WriteString("text", item.TokenText(i));
            json.WriteNumber("push", pushes[i]);
            json.WriteBoolean("answer", i >= input.AnswerStart && i < input.AnswerEnd);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
