using System.Text.Json;
using SparseRM.Errors;

namespace SparseRM.Json;

/// <summary>A JSON object of a config file with typed access, which remembers what was read and collects what is wrong with it.</summary>
/// <remarks>
/// Every accessor returns null where the field is absent, null, or of another kind; the last is a problem, named with its field. Nothing is thrown
/// before <see cref="ThrowProblems"/>, so that a user sees all problems at once. Not thread-safe.
/// </remarks>
internal sealed class JsonConfig
{
    private readonly JsonElement _root;
    private readonly List<string> _problems;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly List<JsonConfig> _sections = [];

    private JsonConfig(string path, string prefix, JsonElement root, List<string> problems) => (Path, Prefix, _root, _problems) = (path, prefix, root, problems);

    /// <summary>Opens a file by <see cref="StrictJson"/>.</summary>
    /// <exception cref="ModelFormatException">As <see cref="StrictJson.OpenObject"/>.</exception>
    public static JsonConfig Open(string path, int limit = StrictJson.MaxConfigLength) => new(path, "", StrictJson.OpenObject(path, limit), []);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What stands before a field's name in messages: <c>rope_scaling.</c>, empty for the root.</summary>
    public string Prefix { get; }

    /// <summary>Names of all fields.</summary>
    public IEnumerable<string> Names => _root.EnumerateObject().Select(entry => entry.Name);

    /// <summary>Fields that nobody read, under their full names; those of sections included.</summary>
    public IEnumerable<string> Unread =>
        Names.Where(name => !_read.Contains(name)).Select(name => Prefix + name).Concat(_sections.SelectMany(section => section.Unread));

    /// <summary>Whether the field is there, null or not.</summary>
    public bool Contains(string name) => _root.TryGetProperty(name, out _);

    /// <summary>Whether the field is there and not null.</summary>
    public bool Has(string name) => _root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>The field as it is, read or not; null where it is absent or null.</summary>
    public JsonElement? Peek(string name) => _root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A string.</summary>
    public string? Text(string name) =>
        Take(name) is not { } value ? null : value.ValueKind == JsonValueKind.String ? value.GetString() : Wrong<string>(name, value, "a string");

    /// <summary>A boolean.</summary>
    public bool? Flag(string name) => Take(name) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : WrongValue<bool>(name, value, "true or false");

    /// <summary>A whole number in a range.</summary>
    public int? Int(string name, int min = int.MinValue, int max = int.MaxValue)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= min && number <= max) return number;
        string range = max < int.MaxValue ? $" from {min} to {max}" : min > int.MinValue ? $" of at least {min}" : "";
        return WrongValue<int>(name, value, $"a whole number{range}");
    }

    /// <summary>A finite number.</summary>
    public double? Number(string name) => Take(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number : WrongValue<double>(name, value, "a finite number");

    /// <summary>A list of strings.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            return [.. value.EnumerateArray().Select(item => item.GetString()!)];
        return Wrong<IReadOnlyList<string>>(name, value, "a list of strings");
    }

    /// <summary>A list of whole numbers.</summary>
    public IReadOnlyList<int>? Ints(string name)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out _)))
            return [.. value.EnumerateArray().Select(item => item.GetInt32())];
        return Wrong<IReadOnlyList<int>>(name, value, "a list of whole numbers");
    }

    /// <summary>A nested object, which shares the problems of this one.</summary>
    public JsonConfig? Section(string name)
    {
        if (Take(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) return Wrong<JsonConfig>(name, value, "an object");
        var section = new JsonConfig(Path, $"{Prefix}{name}.", value, _problems);
        _sections.Add(section);
        return section;
    }

    /// <summary>Counts fields as read.</summary>
    public void MarkRead(params IEnumerable<string> names) => _read.UnionWith(names);

    /// <summary>Adds a problem of one field: <c>"rope_scaling.factor" is missing</c>.</summary>
    public void Refuse(string name, string problem) => Refuse($"\"{Prefix}{name}\" {problem}");

    /// <summary>Adds a problem of the file as a whole.</summary>
    public void Refuse(string problem) => _problems.Add(problem);

    /// <summary>Throws all problems in one sentence.</summary>
    /// <exception cref="ModelFormatException">There is any.</exception>
    public void ThrowProblems()
    {
        if (_problems.Count > 0) throw new ModelFormatException(Path, string.Join("; ", _problems));
    }

    private JsonElement? Take(string name)
    {
        _read.Add(name);
        return Peek(name);
    }

    private T? Wrong<T>(string name, JsonElement value, string expected) where T : class
    {
        Refuse(name, $"must be {expected}, found {StrictJson.Shown(value)}");
        return null;
    }

    private T? WrongValue<T>(string name, JsonElement value, string expected) where T : struct
    {
        Refuse(name, $"must be {expected}, found {StrictJson.Shown(value)}");
        return null;
    }
}
