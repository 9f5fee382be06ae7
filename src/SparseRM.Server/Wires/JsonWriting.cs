using System.Text.Json;
using SparseRM.Server.Serving;

namespace SparseRM.Server.Wires;

/// <summary>What several wires write.</summary>
internal static class JsonWriting
{
    /// <summary>A list of numbers. All are finite: what is not has no score.</summary>
    public static void WriteNumbers(this Utf8JsonWriter json, string name, ReadOnlySpan<float> values)
    {
        json.WritePropertyName(name);
        json.WriteNumbers(values);
    }

    /// <summary>A list of numbers.</summary>
    public static void WriteNumbers(this Utf8JsonWriter json, ReadOnlySpan<float> values)
    {
        json.WriteStartArray();
        foreach (float value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>OpenAI's head of an answer: id, object, created, model.</summary>
    public static void WriteHead(this Utf8JsonWriter json, string id, string? kind, ScoreAnswer answer)
    {
        json.WriteString("id", id);
        if (kind is not null)
        {
            json.WriteString("object", kind);
            json.WriteNumber("created", DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        }
        json.WriteString("model", answer.Reward.Name);
    }

    /// <summary>OpenAI's usage.</summary>
    public static void WriteUsage(this Utf8JsonWriter json, ScoreAnswer answer)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", answer.Tokens);
        json.WriteNumber("total_tokens", answer.Tokens);
        json.WriteNumber("completion_tokens", 0);
        json.WriteNull("prompt_tokens_details");
        json.WriteEndObject();
    }

    /// <summary>1 / (1 + e^-x), which is what vLLM and TEI make of a single label unless they are told not to.</summary>
    public static float Sigmoid(float value) => (float)(1 / (1 + Math.Exp(-(double)value)));
}
