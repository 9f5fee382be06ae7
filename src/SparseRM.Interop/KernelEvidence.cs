using System.Text.Json;
using SparseRM.Backends;

namespace SparseRM.Interop;

/// <summary>A line of <c>kernels/evidence.json</c>.</summary>
/// <param name="Backend">The family: <c>cpu</c>, <c>cuda</c>, <c>ilgpu</c>.</param>
/// <param name="Op">The op's name.</param>
/// <param name="Variant">The variant's.</param>
/// <param name="Evidence">What its conformance tests passed on.</param>
/// <param name="On">The machine, in the words of its backend.</param>
public sealed record EvidenceRow(string Backend, string Op, string Variant, Evidence Evidence, string On);

/// <summary>What each kernel rests on, as the conformance tests of this source tree wrote it down when they last passed.</summary>
public static class KernelEvidence
{
    private static readonly Lazy<EvidenceRow[]> s_rows = new(() =>
    {
        using var stream = typeof(KernelEvidence).Assembly.GetManifestResourceStream("evidence.json")!;
        return Read(stream);
    });

    /// <summary>All of them.</summary>
    public static IReadOnlyList<EvidenceRow> Rows => s_rows.Value;

    /// <summary>What a kernel of a backend rests on.</summary>
    /// <param name="backend">A backend's name: <c>cuda:0</c>, <c>ilgpu:opencl:0</c>.</param>
    /// <param name="op">The op.</param>
    /// <param name="variant">The variant.</param>
    public static Evidence Of(string backend, OpKind op, string variant) =>
        Rows.FirstOrDefault(row => row.Backend == Family(backend) && row.Op == op.Name() && row.Variant == variant)?.Evidence ?? Evidence.None;

    /// <summary>What stands before the first colon.</summary>
    public static string Family(string backend) => backend.Split(':')[0];

    /// <summary>Reads the file.</summary>
    public static EvidenceRow[] Read(Stream stream)
    {
        using var json = JsonDocument.Parse(stream);
        return [.. json.RootElement.EnumerateArray().Select(row => new EvidenceRow(
            Text(row, "backend"), Text(row, "op"), Text(row, "variant"), Enum.Parse<Evidence>(Text(row, "evidence"), ignoreCase: true), Text(row, "on")))];

        static string Text(JsonElement row, string field) => row.GetProperty(field).GetString()!;
    }

    /// <summary>Writes the file, a line a row, in order.</summary>
    public static void Write(Stream stream, IEnumerable<EvidenceRow> rows)
    {
        using var text = new StreamWriter(stream) { NewLine = "\n" };
        var ordered = rows.OrderBy(row => row.Backend, StringComparer.Ordinal).ThenBy(row => OpNames.Parse(row.Op)).ThenBy(row => row.Variant, StringComparer.Ordinal).ToArray();
        for (int i = 0; i < ordered.Length; i++)
        {
            using var line = new MemoryStream();
            using (var json = new Utf8JsonWriter(line, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                json.WriteStartObject();
                json.WriteString("backend", ordered[i].Backend);
                json.WriteString("op", ordered[i].Op);
                json.WriteString("variant", ordered[i].Variant);
                json.WriteString("evidence", ordered[i].Evidence.ToString().ToLowerInvariant());
                json.WriteString("on", ordered[i].On);
                json.WriteEndObject();
            }
            text.WriteLine((i == 0 ? "[\n" : "") + "  " + System.Text.Encoding.UTF8.GetString(line.ToArray()) + (i < ordered.Length - 1 ? "," : "\n]"));
        }
    }
}
