using System.Text;
using System.Text.Json;
using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.CApi;

/// <summary>What is told as JSON: descriptions and explanations, with the names that the command line uses.</summary>
internal static class Json
{
    /// <summary>What a backbone is.</summary>
    public static string Of(Backbone backbone) => Written(json =>
    {
        json.WriteString("backend", backbone.BackendName);
        json.WriteString("device", backbone.Description);
        json.WriteString("compute", backbone.Compute.ComputeName());
        json.WriteNumber("d_model", backbone.DModel);
        json.WriteNumber("n_ctx", backbone.Config.NCtx);
        json.WriteNumber("d_vocab", backbone.Config.DVocab);
        json.WriteNumber("last_layer", backbone.LastLayer);
        Write(json, "chat_template", backbone.Template?.Name);
        json.WriteStartObject("variants");
        foreach (var (op, variant) in backbone.Variants.OrderBy(pair => pair.Key)) Write(json, op.Name(), variant);
        json.WriteEndObject();
    });

    /// <summary>What a reward model is.</summary>
    public static string Of(RewardScorer scorer) => Written(json =>
    {
        var metadata = scorer.Reward.Metadata;
        json.WriteString("model", metadata.Identity.ModelName);
        json.WriteNumber("layer", scorer.Layer);
        json.WriteString("position", scorer.Position.ToString().ToLowerInvariant());
        json.WriteString("aggregate", scorer.Reward.Aggregate.ToString());
        json.WriteBoolean("has_doubt", scorer.Reward.HasDoubt);
        json.WriteBoolean("has_novelty", scorer.Reward.HasNovelty);
        json.WriteStartArray("components");
        foreach (var component in scorer.Reward.Components)
        {
            json.WriteStartObject();
            json.WriteString("name", component.Name);
            json.WriteNumber("weight", component.Weight);
            json.WriteNumber("heads", component.Heads.Count);
            json.WriteNumber("inputs", component.Input.Count);
            Write(json, "sae", component.Metadata.SaeId);
            json.WriteNumber("pairs", component.Metadata.Pairs);
            json.WriteString("loss", component.Metadata.Loss);
            json.WriteString("engine_version", component.Metadata.EngineVersion);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>Why a text got its score.</summary>
    public static string Of(RewardExplanation explanation) => Written(json =>
    {
        json.WriteNumber("score", explanation.Score);
        json.WriteStartArray("components");
        foreach (var component in explanation.Components)
        {
            json.WriteStartObject();
            json.WriteString("name", component.Name);
            ExplanationJson.Write(json, component);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static void Write(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null) json.WriteNull(name);
        else json.WriteString(name, value);
    }

    private static string Written(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
