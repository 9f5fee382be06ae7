using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace SparseRM.Data;

/// <summary>Writes input lines back with a result added.</summary>
public static class ScoreOutput
{
    /// <summary>The line's fields in their order, byte for byte, then <paramref name="name"/> and the score in shortest round-trip digits; one line feed.</summary>
    /// <remarks>A field of that name in the input is left out, so that a file can be scored again.</remarks>
    /// <exception cref="ArgumentException">The score is NaN or infinite, which JSON cannot say.</exception>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public static void WriteWith(Stream output, ScoreInput line, string name, float score)
        => Write(output, line, (name, buffer => Number(buffer, score)));

    /// <summary>The same with a list of scores, in the order of the answers.</summary>
    /// <exception cref="ArgumentException">A score is NaN or infinite.</exception>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public static void WriteWith(Stream output, ScoreInput line, string name, IReadOnlyList<float> scores)
        => Write(output, line, (name, buffer =>
        {
            for (int i = 0; i < scores.Count; i++)
            {
                buffer.Write(i == 0 ? "["u8 : ", "u8);
                Number(buffer, scores[i]);
            }
            buffer.Write(scores.Count == 0 ? "[]"u8 : "]"u8);
        }
    ));

    /// <summary>The line's fields in their order, byte for byte, then others, each written by its own function; one line feed.</summary>
    /// <remarks>Fields of those names in the input are left out.</remarks>
    /// <exception cref="ArgumentException">A function writes NaN or infinity, which JSON cannot say.</exception>
    /// <exception cref="IOException">The output cannot be written.</exception>
    public static void WriteWith(Stream output, ScoreInput line, params IReadOnlyList<(string Name, Action<Utf8JsonWriter> Write)> fields)
        => Write(output, line, [.. fields.Select(field => (field.Name, (Action<ArrayBufferWriter<byte>>)(buffer =>
        {
            using var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            field.Write(json);
        })))]);

    private static void Write(Stream output, ScoreInput line, params IReadOnlyList<(string Name, Action<ArrayBufferWriter<byte>> Write)> fields)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(line);
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write("{"u8);
        // A line that is not a JSON object has no fields to write back.
        foreach (JsonProperty field in line.Source.ValueKind == JsonValueKind.Object ? line.Source.EnumerateObject() : default)
        {
            if (fields.Any(added => field.NameEquals(added.Name))) continue;
            // The raw bytes: a writer of JSON would escape again and change numbers' spelling.
            buffer.Write("\""u8);
            buffer.Write(JsonMarshal.GetRawUtf8PropertyName(field));
            buffer.Write("\": "u8);
            buffer.Write(JsonMarshal.GetRawUtf8Value(field.Value));
            buffer.Write(", "u8);
        }
        for (int i = 0; i < fields.Count; i++)
        {
            buffer.Write(i == 0 ? "\""u8 : ", \""u8);
            buffer.Write(JsonEncodedText.Encode(fields[i].Name).EncodedUtf8Bytes);
            buffer.Write("\": "u8);
            fields[i].Write(buffer);
        }
        buffer.Write("}\n"u8);
        output.Write(buffer.WrittenSpan);
    }

    private static void Number(ArrayBufferWriter<byte> buffer, float value)
    {
        if (!float.IsFinite(value)) throw new ArgumentException($"a score is {value.ToString(CultureInfo.InvariantCulture)}", nameof(value));
        value.TryFormat(buffer.GetSpan(32), out int written, "R", CultureInfo.InvariantCulture);
        buffer.Advance(written);
    }
}
