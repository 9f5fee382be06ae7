using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace SparseRM.Lines;

/// <summary>Why an answer got its score, as JSON: see <see cref="ExplanationJson"/>.</summary>
internal static class ScoreExplanations
{
    /// <summary>The explanation of the only component, or of each component by its name.</summary>
    public static string Json(RewardExplanation explanation, bool byComponent)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (!byComponent) ExplanationJson.Write(json, explanation.Components[0]);
            foreach (var component in byComponent ? explanation.Components : [])
            {
                json.WriteStartObject(component.Name);
                ExplanationJson.Write(json, component);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
