using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Sae;

/// <summary>A config object of which every field must be read, or named as one that does not change what the SAE computes.</summary>
internal sealed class SaeConfig
{
    private readonly string _path;
    private readonly string _prefix;
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    private SaeConfig(string path, string prefix, JsonElement element)
    {
        (_path, _prefix) = (path, prefix);
        foreach (var field in element.EnumerateObject()) _fields.Add(field.Name, field.Value);
    }

    /// <exception cref="ModelFormatException">Missing, not JSON, or not an object.</exception>
    public static SaeConfig Open(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(InputFile.ReadAll(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new ModelFormatException(path, "must be a JSON object");
            return new SaeConfig(path, "", document.RootElement.Clone());
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException(path, $"is not valid JSON: {error.Message}", error);
        }
    }

    /// <summary>Whether the field is there, null or not.</summary>
    public bool Has(string name) => _fields.ContainsKey(name);

    public string? Text(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? Decoded(name, value) : throw Wrong(name, value, "a string");

    public bool? Flag(string name) => Find(name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(name, value, "true or false");

    public int? Integer(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= 0 ? number : throw Wrong(name, value, "a whole number of at least 0");

    public double? Number(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : throw Wrong(name, value, "a finite number");

    public SaeConfig? Object(string name) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Object ? new SaeConfig(_path, $"{_prefix}{name}.", value) : throw Wrong(name, value, "an object");

    public bool IsFlag(string name) => _fields.TryGetValue(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False;

    /// <summary>The field, if present, must have this value, since another would change what the SAE computes.</summary>
    public void Require(string name, bool expected, string meaning)
    {
        if (Flag(name) is { } found && found != expected) throw Bad(name, $"is {(found ? "true" : "false")}: {meaning}");
    }

    /// <summary>The field, if present and not null, must equal the tensors' width.</summary>
    public void RequireWidth(string name, int expected)
    {
        if (Integer(name) is { } found && found != expected) throw Bad(name, $"is {found}, but the tensors have {expected}; the config and the weights do not belong together");
    }

    /// <summary>Names fields that do not change what the SAE computes.</summary>
    public void Ignore(params IEnumerable<string> names) => _read.UnionWith(names);

    /// <summary>For objects that are open to anything and only inform.</summary>
    public void IgnoreRest() => _read.UnionWith(_fields.Keys);

    /// <exception cref="ModelFormatException">Names the fields that nobody read.</exception>
    public void RequireAllRead()
    {
        var left = _fields.Keys.Where(name => !_read.Contains(name)).Order(StringComparer.Ordinal).ToArray();
        if (left.Length > 0)
            throw new ModelFormatException(_path, $"has fields that this format does not know: {string.Join(", ", left.Take(8).Select(name => $"\"{_prefix}{name}\""))}; what they change is not known either");
    }

    /// <summary>The sentence names file and field.</summary>
    public ModelFormatException Bad(string name, string problem) => new(_path, $"\"{_prefix}{name}\" {problem}");

    private JsonElement? Find(string name)
    {
        _read.Add(name);
        return _fields.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private string Decoded(string name, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Wrong(name, value, "a string of whole characters");
        }
    }

    private ModelFormatException Wrong(string name, JsonElement value, string expected)
    {
        string text = value.GetRawText();
        return Bad(name, $"must be {expected}, found {text[..Math.Min(text.Length, 60)]}");
    }
}
