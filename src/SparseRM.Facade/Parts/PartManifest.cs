using System.Text.Encodings.Web;
using System.Text.Json;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Parts;

/// <summary>What is said beside a part: which rows it has, of what, by what, and the hashes that show it.</summary>
/// <example><code>PartManifest? part = PartFolder.ManifestFor("scores", new RowRange(0, 1000));</code></example>
public sealed record PartManifest
{
    private const int Version = 1;

    /// <summary>What computed the scores.</summary>
    public required ScoringFingerprint Fingerprint { get; init; }

    /// <summary>Name of the input, without its folder.</summary>
    public required string Input { get; init; }

    /// <summary>The rows.</summary>
    public required RowRange Rows { get; init; }

    /// <summary>SHA-256 of the rows' text: each without blanks around it and with a line feed.</summary>
    public required string InputSha256 { get; init; }

    /// <summary>Name of the part.</summary>
    public required string Output { get; init; }

    /// <summary>SHA-256 of the part as it lies in its file.</summary>
    public required string OutputSha256 { get; init; }

    /// <summary>SHA-256 of its lines as jsonl, which is the same whatever packs them.</summary>
    public required string LinesSha256 { get; init; }

    /// <summary>Scores in it.</summary>
    public required long Scores { get; init; }

    /// <summary>Answers that were cut to the model's context.</summary>
    public required long Truncated { get; init; }

    /// <summary>Rows with an error, rising, as ranges.</summary>
    public required IReadOnlyList<RowRange> Bad { get; init; }

    /// <summary>Name of the machine, or of the silo there, that made it: an audit takes another.</summary>
    public required string MadeBy { get; init; }

    /// <summary>Why no row was scored; null where they were.</summary>
    public string? Refused { get; init; }

    /// <summary>How many rows have an error.</summary>
    public long BadCount => Bad.Sum(rows => rows.Count);

    /// <summary>The file's content.</summary>
    public void WriteTo(Stream stream)
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteNumber("sparserm_part", Version);
            json.WriteString("input", Input);
            Write(json, "rows", Rows);
            json.WriteString("input_sha256", InputSha256);
            json.WriteString("output", Output);
            json.WriteString("output_sha256", OutputSha256);
            json.WriteString("lines_sha256", LinesSha256);
            json.WriteNumber("scores", Scores);
            json.WriteNumber("truncated", Truncated);
            json.WriteNumber("bad", BadCount);
            json.WriteStartArray("bad_rows");
            foreach (var rows in Bad) Write(json, null, rows);
            json.WriteEndArray();
            json.WriteString("made_by", MadeBy);
            if (Refused is not null) json.WriteString("refused", Refused);
            Fingerprint.WriteTo(json);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }

    /// <summary>Reads one; null where there is none.</summary>
    /// <exception cref="SparseRMException">The file is no manifest, or of another version.</exception>
    public static PartManifest? Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = json.RootElement;
            if (root.GetProperty("sparserm_part").GetInt32() != Version) throw new FormatException("another version");
            return new PartManifest
            {
                Input = Text(root, "input"), Rows = Range(root.GetProperty("rows")), InputSha256 = Text(root, "input_sha256"), Output = Text(root, "output"),
                OutputSha256 = Text(root, "output_sha256"), LinesSha256 = Text(root, "lines_sha256"), Scores = root.GetProperty("scores").GetInt64(),
                Truncated = root.GetProperty("truncated").GetInt64(), Bad = [.. root.GetProperty("bad_rows").EnumerateArray().Select(Range)],
                MadeBy = Text(root, "made_by"), Refused = root.TryGetProperty("refused", out var refused) ? refused.GetString() : null, Fingerprint = ScoringFingerprint.Read(root),
            };
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or IndexOutOfRangeException)
        {
            throw new SparseRMException($"{path}: is no manifest of this version of sparserm; remove it with its part, or choose another folder", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SparseRMException($"{path}: cannot be read ({error.Message.TrimEnd('.')})", error);
        }
    }

    private static string Text(JsonElement root, string name) => root.GetProperty(name).GetString() ?? "";

    private static RowRange Range(JsonElement pair) => new(pair[0].GetInt64(), pair[1].GetInt64());

    private static void Write(Utf8JsonWriter json, string? name, RowRange rows)
    {
        if (name is not null) json.WritePropertyName(name);
        json.WriteRawValue(FormattableString.Invariant($"[{rows.Start}, {rows.End}]"));
    }
}
