using System.Globalization;
using System.Text.RegularExpressions;
using SparseRM.Data.Containers;
using SparseRM.Errors;
using SparseRM.Json;
using SparseRM.Sae;

namespace SparseRM.Research.Latents;

/// <summary>What others wrote about an SAE's latents, from a file that Neuronpedia exported; and where its pages lie. Nothing is called.</summary>
/// <remarks>Rows of <c>modelId</c>, <c>layer</c> (the source, such as <c>12-gemmascope-res-16k</c>), <c>index</c> and <c>description</c>, as jsonl (also .gz) or one JSON list.</remarks>
public sealed partial class Explanations
{
    private readonly Dictionary<int, string> _texts = [];

    /// <summary>Model and source as in Neuronpedia's addresses, such as <c>gemma-2-2b/12-gemmascope-res-16k</c>; null where they are not known.</summary>
    public string? Source { get; private init; }

    /// <summary>How many latents have a text.</summary>
    public int Count => _texts.Count;

    /// <summary>Reads them.</summary>
    /// <param name="path">The file, or null for none.</param>
    /// <param name="sae">The SAE that they are of: its latents bound the indices, and its cfg.json may name its source; null where there is none.</param>
    /// <param name="source">What the user says the source is, or null.</param>
    /// <exception cref="DataFormatException">The file cannot be read, a row has no index or description, is of another source, or of a latent that the SAE does not have.</exception>
    /// <exception cref="SparseRMException">The source is not of the form model/source.</exception>
    public static Explanations Read(string? path, SparseAutoencoder? sae, string? source)
    {
        if (source is not null && !SourceForm().IsMatch(source))
            throw new SparseRMException(ErrorKind.Usage, $"the Neuronpedia source is '{source}'; it must be MODEL/SOURCE, such as gemma-2-2b/12-gemmascope-res-16k");
        source ??= sae is null ? null : OfConfig(sae);
        if (path is null) return new Explanations { Source = source };
        var texts = new Dictionary<int, string>();
        using var file = DataSource.Open(path);
        foreach (var row in ContainerCatalog.Open(file, null).Rows)
        {
            if (row.Problem is { } problem) throw row.Refuse(problem);
            if (!row.HasAll("index", "description")) throw row.Refuse($"has no index or no description, as a row of Neuronpedia's export has; it has {row.ColumnList()}");
            if (!int.TryParse(row.Label("index"), NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= (sae?.DSae ?? int.MaxValue))
                throw row.Refuse(sae is null ? $"index '{row.Label("index")}' is no latent" : $"index '{row.Label("index")}' is no latent of the SAE, which has {sae.DSae}; give the export of this SAE");
            if (row.Label("modelId") is { } model && row.Label("layer") is { } layer)
            {
                source ??= $"{model}/{layer}";
                if (source != $"{model}/{layer}") throw row.Refuse($"is of {model}/{layer}, and the source is {source}; give the export of one SAE, this one");
            }
            string text = row.Text("description").Trim();
            if (text.Length > 0) texts[index] = texts.TryGetValue(index, out string? known) && known != text ? $"{known}; {text}" : text;
        }
        var found = new Explanations { Source = source is not null && SourceForm().IsMatch(source) ? source : null };
        foreach (var (index, text) in texts) found._texts.Add(index, text);
        return found;
    }

    /// <summary>The text of a latent, or null.</summary>
    public string? TextOf(int latent) => _texts.GetValueOrDefault(latent);

    /// <summary>The address of its page, or null.</summary>
    public string? LinkOf(int latent) => Source is null ? null : string.Create(CultureInfo.InvariantCulture, $"https://www.neuronpedia.org/{Source}/{latent}");

    // SAELens writes it into the metadata of cfg.json; older files have it beside the other fields.
    private static string? OfConfig(SparseAutoencoder sae)
    {
        string path = Path.Combine(Path.GetDirectoryName(sae.WEnc.Path) ?? "", "cfg.json");
        if (!File.Exists(path)) return null;
        var root = StrictJson.OpenObject(path);
        var holder = root.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == System.Text.Json.JsonValueKind.Object ? metadata : root;
        return holder.TryGetProperty("neuronpedia_id", out var id) && id.ValueKind == System.Text.Json.JsonValueKind.String && SourceForm().IsMatch(id.GetString()!) ? id.GetString() : null;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]+/[A-Za-z0-9._-]+\z")]
    private static partial Regex SourceForm();
}
