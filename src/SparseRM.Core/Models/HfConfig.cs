using System.Text.Json;
using SparseRM.Errors;
using SparseRM.Weights;

namespace SparseRM.Models;

/// <summary>A Hugging Face config.json that remembers what was read, so that a field nobody understood is refused, not ignored.</summary>
/// <remarks>Problems are collected and thrown together by <see cref="RequireAllConsumed"/>: a user sees all of them at once.</remarks>
public sealed class HfConfig
{
    private static readonly string[] s_irrelevant =
    [
        // Labels, provenance and training-time switches: none changes a hidden state.
        "architectures", "transformers_version", "_name_or_path", "torch_dtype", "dtype", "attention_dropout", "initializer_range", "use_cache",
        "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "pretraining_tp", "cache_implementation", "_attn_implementation",
        "_attn_implementation_autoset", "id2label", "label2id", "num_labels", "problem_type", "output_attentions", "output_hidden_states",
        "return_dict", "unsloth_version", "unsloth_fixed", "final_logit_softcapping",
    ];

    private readonly string _path, _prefix;
    private readonly JsonElement _root;
    private readonly HashSet<string> _consumed = [];
    private readonly List<string> _problems;
    private readonly List<HfConfig> _sections = [];

    private HfConfig(string path, string prefix, JsonElement root, List<string> problems) =>
        (_path, _prefix, _root, _problems) = (path, prefix, root, problems);

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="ModelFormatException">Absent, or not a JSON object.</exception>
    public static HfConfig Read(string path)
    {
        if (!File.Exists(path)) throw new ModelFormatException(path, "there is no such file; a model folder needs config.json");
        try
        {
            using var document = JsonDocument.Parse(InputFile.ReadAll(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new ModelFormatException(path, "is not a JSON object");
            return new HfConfig(path, "", document.RootElement.Clone(), []);
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(path, $"is not valid JSON ({e.Message}); download it again", e);
        }
    }

    /// <summary>The file.</summary>
    public string Path => _path;

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => _root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether a field is there and null, which in some files means something else than a field left out.</summary>
    public bool IsNull(string name)
    {
        bool isNull = _root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Null;
        if (isNull) _consumed.Add(name);
        return isNull;
    }

    /// <summary>A positive integer; a problem when absent without <paramref name="otherwise"/>, or of another kind.</summary>
    public int Int(string name, int? otherwise = null)
    {
        if (!Take(name, otherwise is null, out var value)) return otherwise ?? 1;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0) return number;
        return Problem(name, value, "a positive integer", 1);
    }

    /// <summary>A finite number, in float32's range.</summary>
    public double Number(string name, double? otherwise = null)
    {
        if (!Take(name, otherwise is null, out var value)) return otherwise ?? 1;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && float.IsFinite((float)number)) return number;
        return Problem(name, value, "a finite float32 number", 1.0);
    }

    /// <summary>A boolean.</summary>
    public bool Flag(string name, bool otherwise = false)
    {
        if (!Take(name, false, out var value)) return otherwise;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Problem(name, value, "true or false", otherwise);
    }

    /// <summary>A string.</summary>
    public string Text(string name, string? otherwise = null)
    {
        if (!Take(name, otherwise is null, out var value)) return otherwise ?? "";
        return Decoded(value) ?? Problem(name, value, "a string", otherwise ?? "");
    }

    /// <summary>A list of strings, or null when absent.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (!Take(name, false, out var value)) return null;
        string?[]? texts = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Decoded)] : null;
        return texts is not null && !texts.Contains(null) ? texts! : Problem<IReadOnlyList<string>?>(name, value, "a list of strings", null);
    }

    /// <summary>A nested object, or null when absent; its fields must be read too.</summary>
    public HfConfig? Section(string name)
    {
        if (!Take(name, false, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Object) return Problem<HfConfig?>(name, value, "an object", null);
        var section = new HfConfig(_path, $"{_prefix}{name}.", value, _problems);
        _sections.Add(section);
        return section;
    }

    /// <summary>Declares fields that do not bear on hidden states here; say why at the call.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _consumed.Add(name);
    }

    /// <summary>Declares a field that is understood only with one value (or absent).</summary>
    public void Expect(string name, bool value)
    {
        if (Flag(name, value) != value) Refuse($"{_prefix}{name} = {(!value).ToString().ToLowerInvariant()} is not supported");
    }

    /// <summary>Adds a problem of the architecture's own finding.</summary>
    public void Refuse(string problem) => _problems.Add(problem);

    /// <summary>Throws all problems, and the fields that nobody read, in one sentence.</summary>
    /// <exception cref="ModelFormatException">There is any.</exception>
    public void RequireAllConsumed()
    {
        var unread = Unread().ToArray();
        if (unread.Length > 0) _problems.Add($"has fields that this engine does not understand: {string.Join(", ", unread)}");
        if (_problems.Count > 0) throw new ModelFormatException(_path, string.Join("; ", _problems));
    }

    private IEnumerable<string> Unread() => _root.EnumerateObject().Select(field => field.Name)
        .Where(name => !_consumed.Contains(name) && !s_irrelevant.Contains(name)).Select(name => _prefix + name)
        .Concat(_sections.SelectMany(section => section.Unread()));

    private bool Take(string name, bool required, out JsonElement value)
    {
        _consumed.Add(name);
        if (_root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null) return true;
        if (required) _problems.Add($"field {_prefix}{name} is missing");
        return false;
    }

    /// <summary>The string, or null for another kind or half of a surrogate pair.</summary>
    private static string? Decoded(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private T Problem<T>(string name, JsonElement value, string expected, T otherwise)
    {
        string found = value.GetRawText();
        _problems.Add($"field {_prefix}{name} is {(found.Length > 40 ? found[..40] + "..." : found)}, expected {expected}");
        return otherwise;
    }
}
