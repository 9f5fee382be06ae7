using System.Text.Json;
using System.Text.Json.Nodes;
using SparseRM.Text;

namespace SparseRM.Core.Tests.Text;

/// <summary>Tokenizers of the goldens, loaded once, and readers of the goldens' lines.</summary>
internal static class TokenizerFiles
{
    private static readonly Dictionary<string, ModelTokenizer> s_loaded = [];

    public static ModelTokenizer Named(string name)
    {
        string folder = name switch
        {
            "miniworld" => SharedData.MiniWorld("model"),
            "stories260k" => SharedData.Shared("models", name),
            _ => SharedData.Shared("tokenizers", name),
        };
        lock (s_loaded) return s_loaded.TryGetValue(name, out var tokenizer) ? tokenizer : s_loaded[name] = ModelTokenizer.Load(folder);
    }

    public static IEnumerable<JsonElement> Lines(string path)
    {
        foreach (string line in File.ReadLines(path))
        {
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static int[] Ids(this JsonElement line) => [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];

    public static string Text(this JsonElement line) => line.GetProperty("text").GetString()!;

    public static Message[] Messages(this JsonElement line) => [.. line.GetProperty("messages").EnumerateArray().Select(Message)];

    /// <summary>A message of JSON as readers make it: role and content, and every other field as it is.</summary>
    public static Message Message(JsonElement json)
    {
        string? content = json.TryGetProperty("content", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        var fields = new JsonObject(json.EnumerateObject()
            .Where(field => field.Name != "role" && (field.Name != "content" || field.Value.ValueKind == JsonValueKind.Null))
            .Select(field => KeyValuePair.Create(field.Name, JsonNode.Parse(field.Value.GetRawText()))));
        return new Message(json.GetProperty("role").GetString()!, content)
        {
            Fields = fields.Count == 0 ? null : new JsonFields(JsonSerializer.SerializeToElement(fields)),
        };
    }

    /// <summary>JSON as a template's arguments.</summary>
    public static JsonFields Fields(string json)
    {
        using var document = JsonDocument.Parse(json);
        return new JsonFields(document.RootElement);
    }

    /// <summary>A new folder with the given files.</summary>
    public static string Folder(params (string Name, string Content)[] files)
    {
        string folder = Directory.CreateTempSubdirectory("sparserm-text-").FullName;
        foreach (var (name, content) in files) File.WriteAllText(Path.Combine(folder, name), content);
        return folder;
    }
}
