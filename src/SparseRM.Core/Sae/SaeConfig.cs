using SparseRM.Errors;
using SparseRM.Json;

namespace SparseRM.Sae;

/// <summary>A config object of an SAE: a wrong field is thrown as soon as it is read, one that the format's own code never reads is listed.</summary>
/// <remarks>What an SAE computes is decided by the code that it was published with: a field which that code does not read changes nothing.</remarks>
internal sealed class SaeConfig
{
    private readonly JsonConfig _json;

    private SaeConfig(JsonConfig json) => _json = json;

    /// <exception cref="ModelFormatException">Missing, not JSON, or not an object.</exception>
    public static SaeConfig Open(string path) => new(JsonConfig.Open(path));

    /// <summary>The file.</summary>
    public string Path => _json.Path;

    /// <summary>Fields that nobody read, under their full names; for reports.</summary>
    public IReadOnlyList<string> Ignored => [.. _json.Unread.Order(StringComparer.Ordinal)];

    /// <summary>Whether the field is there, null or not.</summary>
    public bool Has(string name) => _json.Contains(name);

    public string? Text(string name) => Checked(_json.Text(name));

    public bool? Flag(string name) => Checked(_json.Flag(name));

    /// <summary>A whole number of at least 0.</summary>
    public int? Integer(string name) => Checked(_json.Int(name, min: 0));

    public double? Number(string name) => Checked(_json.Number(name));

    public SaeConfig? Object(string name) => Checked(_json.Section(name)) is { } section ? new SaeConfig(section) : null;

    public bool IsFlag(string name) => _json.Peek(name) is { ValueKind: System.Text.Json.JsonValueKind.True or System.Text.Json.JsonValueKind.False };

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

    /// <summary>Names fields of training and bookkeeping, which are not worth a line in a report.</summary>
    public void Ignore(params IEnumerable<string> names) => _json.MarkRead(names);

    /// <summary>For objects that are open to anything and only inform.</summary>
    public void IgnoreRest() => _json.MarkRead(_json.Names);

    /// <summary>The sentence names file and field.</summary>
    public ModelFormatException Bad(string name, string problem) => new(Path, $"\"{_json.Prefix}{name}\" {problem}");

    private T Checked<T>(T value)
    {
        _json.ThrowProblems();
        return value;
    }
}
