using System.Reflection;
using System.Text.Json;
using SparseRM.Backends;

namespace SparseRM.Interop;

/// <summary>A line of <c>kernels/evidence.json</c>.</summary>
/// <param name="Backend">Without the number of a device: <c>cpu</c>, <c>cuda</c>, <c>ilgpu:cpu</c>, <c>ilgpu:opencl</c>.</param>
/// <param name="Op">The op's name.</param>
/// <param name="Variant">The variant's.</param>
/// <param name="Evidence">What its conformance tests passed on.</param>
/// <param name="On">The machine, in the words of its backend.</param>
/// <param name="Date">When, as <c>2026-11-30</c>; empty where nobody noted it.</param>
/// <param name="Commit">The first digits of the commit that was built; empty where nobody noted it.</param>
public sealed record EvidenceRow(string Backend, string Op, string Variant, Evidence Evidence, string On, string Date, string Commit);

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

    /// <summary>What a kernel of a backend rests on; a kernel that was seen on nothing has an empty <see cref="EvidenceRow.On"/>.</summary>
    /// <param name="backend">A backend's name: <c>cuda:0</c>, <c>ilgpu:opencl:0</c>.</param>
    /// <param name="op">The op.</param>
    /// <param name="variant">The variant.</param>
    public static EvidenceRow Of(string backend, OpKind op, string variant) =>
        Rows.FirstOrDefault(row => row.Backend == Kind(backend) && row.Op == op.Name() && row.Variant == variant)
        ?? new(Kind(backend), op.Name(), variant, Evidence.None, "", "", "");

    /// <summary>A backend's name without the number of its device.</summary>
    public static string Kind(string backend) => backend.TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9').TrimEnd(':');

    /// <summary>The first digits of the commit that this assembly was built of; empty where it was built outside a repository.</summary>
    public static string Commit
    {
        get
        {
            string version = typeof(KernelEvidence).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            return version.Split('+') is [_, { Length: >= 7 } commit] ? commit[..7] : "";
        }
    }

    /// <summary>Reads the file.</summary>
    public static EvidenceRow[] Read(Stream stream)
    {
        using var json = JsonDocument.Parse(stream);
        return [.. json.RootElement.EnumerateArray().Select(row => new EvidenceRow(
            Text(row, "backend"), Text(row, "op"), Text(row, "variant"), Enum.Parse<Evidence>(Text(row, "evidence"), ignoreCase: true), Text(row, "on"), Text(row, "date"), Text(row, "commit")))];

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
                json.WriteString("date", ordered[i].Date);
                json.WriteString("commit", ordered[i].Commit);
                json.WriteEndObject();
            }
            text.WriteLine((i == 0 ? "[\n" : "") + "  " + System.Text.Encoding.UTF8.GetString(line.ToArray()) + (i < ordered.Length - 1 ? "," : "\n]"));
        }
    }
}
