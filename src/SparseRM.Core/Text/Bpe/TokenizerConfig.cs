using System.Globalization;
using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Text.Bpe;

/// <summary>What tokenizer_config.json, special_tokens_map.json and added_tokens.json of a folder say; all three may be absent.</summary>
internal sealed class TokenizerConfig
{
    private readonly Dictionary<string, (string? Token, string Path)> _names = [];

    private TokenizerConfig(string folder)
    {
        ReadConfig(Path.Combine(folder, "tokenizer_config.json"));
        string map = Path.Combine(folder, "special_tokens_map.json");
        if (File.Exists(map)) ReadNames(StrictJson.OpenObject(map), map);
        string added = Path.Combine(folder, "added_tokens.json");
        if (!File.Exists(added)) return;
        var known = Added.Select(entry => entry.Token.Content).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in StrictJson.OpenObject(added, JsonMembers.MaxFileLength).EnumerateObject())
            if (entry.Name.Length > 0 && !known.Contains(entry.Name))
                Added.Add((new AddedToken(JsonMembers.Id(entry.Value, entry.Name, added), entry.Name, Special: true), added));
    }

    /// <summary>Tokens added on top of the vocabulary, and the file that adds each.</summary>
    public List<(AddedToken Token, string Path)> Added { get; } = [];

    /// <summary>Texts that the files call special.</summary>
    public HashSet<string> Special { get; } = new(StringComparer.Ordinal);

    /// <summary><c>add_bos_token</c>, or null where it is not said.</summary>
    public bool? AddsBos { get; private set; }

    /// <summary><c>add_eos_token</c>, or null where it is not said.</summary>
    public bool? AddsEos { get; private set; }

    /// <summary>Reads the folder's files.</summary>
    public static TokenizerConfig Read(string folder) => new(folder);

    /// <summary>Text of a special token such as <c>bos_token</c>; where no file mentions it, <paramref name="otherwise"/>.</summary>
    public string? Name(string field, string? otherwise) => _names.TryGetValue(field, out var name) ? name.Token : otherwise;

    /// <summary>The file that names the special token.</summary>
    public string? Origin(string field) => _names.TryGetValue(field, out var name) ? name.Path : null;

    private void ReadConfig(string path)
    {
        if (!File.Exists(path)) return;
        var root = StrictJson.OpenObject(path, JsonMembers.MaxFileLength);
        AddsBos = root.Flag("add_bos_token", path);
        AddsEos = root.Flag("add_eos_token", path);
        ReadNames(root, path);
        if (root.Member("added_tokens_decoder", JsonValueKind.Object, path) is not { } decoder) return;
        foreach (var entry in decoder.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= JsonMembers.MaxIds
                || entry.Value.ValueKind != JsonValueKind.Object || entry.Value.Text("content", path) is not { Length: > 0 } content)
                throw new ModelFormatException(path, $"added_tokens_decoder has an entry '{entry.Name}' that is not an id with a content");
            var token = AddedTokens.Read(entry.Value, id, content, path);
            Added.Add((token, path));
            if (token.Special) Special.Add(content);
        }
    }

    // The config comes first, so that its word counts where the map says otherwise.
    private void ReadNames(JsonElement root, string path)
    {
        foreach (string field in (ReadOnlySpan<string>)["bos_token", "eos_token", "pad_token", "unk_token"])
        {
            if (!root.TryGetProperty(field, out var value) || _names.ContainsKey(field)) continue;
            string? token = value.ValueKind == JsonValueKind.Null ? null : Content(value, field, path);
            _names.Add(field, (token, path));
            if (token is not null) Special.Add(token);
        }
        if (!root.TryGet("additional_special_tokens", out var more) || more.ValueKind != JsonValueKind.Array) return;
        foreach (var value in more.EnumerateArray()) Special.Add(Content(value, "additional_special_tokens", path));
    }

    private static string Content(JsonElement value, string field, string path)
    {
        if (value.ValueKind == JsonValueKind.String) return value.GetString()!;
        if (value.ValueKind == JsonValueKind.Object && value.Text("content", path) is { } content) return content;
        throw new ModelFormatException(path, $"{field} is neither a string nor an object with content");
    }
}
