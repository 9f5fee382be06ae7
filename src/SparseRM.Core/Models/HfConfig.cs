using System.Text.Json;
using SparseRM.Json;

namespace SparseRM.Models;

/// <summary>A Hugging Face config.json as a family reads it: a field left out has the family's default, what the family's code never reads is listed.</summary>
/// <remarks>
/// Whether a field matters is decided by the code that the family was published with: a field that it reads must be understood, any other one
/// cannot change a hidden state. <see cref="RefuseVariants"/> adds the switches by which other code turns a family into another model.
/// </remarks>
internal sealed class HfConfig
{
    /// <summary>Labels, provenance, generation and training: fields of every file, not worth a line in a report.</summary>
    private static readonly string[] s_common =
    [
        "architectures", "model_type", "transformers_version", "_name_or_path", "torch_dtype", "dtype", "attention_dropout", "initializer_range", "use_cache",
        "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings", "pretraining_tp", "cache_implementation", "_attn_implementation",
        "_attn_implementation_autoset", "id2label", "label2id", "num_labels", "problem_type", "output_attentions", "output_hidden_states",
        "return_dict", "final_logit_softcapping",
    ];

    private readonly JsonConfig _json;

    private HfConfig(JsonConfig json) => _json = json;

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="Errors.ModelFormatException">Absent, or not a JSON object.</exception>
    public static HfConfig Read(string path) => new(JsonConfig.Open(path));

    /// <summary>The file.</summary>
    public string Path => _json.Path;

    /// <summary>Fields that the family's code never reads, under their full names, in order; what every file has is left out.</summary>
    public IReadOnlyList<string> Ignored => [.. _json.Unread.Where(name => !s_common.Contains(name[(name.LastIndexOf('.') + 1)..])).Order(StringComparer.Ordinal)];

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => _json.Has(name);

    /// <summary>Whether a field is there and null, which in some files means something else than a field left out.</summary>
    public bool IsNull(string name) => _json.Contains(name) && !_json.Has(name);

    /// <summary>A positive whole number; a problem when absent without <paramref name="otherwise"/>, or out of range.</summary>
    public int Int(string name, int? otherwise = null, int max = int.MaxValue) => Required(name, otherwise is null, _json.Int(name, 1, max)) ?? otherwise ?? 1;

    /// <summary>A finite number, in float32's range.</summary>
    public double Number(string name, double? otherwise = null)
    {
        double? number = Required(name, otherwise is null, _json.Number(name));
        if (number is { } value && !float.IsFinite((float)value)) _json.Refuse(name, $"is {StrictJson.Shown(_json.Peek(name)!.Value)}, which float32 does not hold");
        return number ?? otherwise ?? 1;
    }

    /// <summary>A number greater than 0.</summary>
    public double Positive(string name, double? otherwise = null)
    {
        double number = Number(name, otherwise);
        if (number > 0) return number;
        _json.Refuse(name, $"must be a number greater than 0, found {(_json.Peek(name) is { } value ? StrictJson.Shown(value) : "none, and what follows from the other fields is not")}");
        return 1;
    }

    /// <summary>A boolean.</summary>
    public bool Flag(string name, bool otherwise = false) => _json.Flag(name) ?? otherwise;

    /// <summary>A string.</summary>
    public string Text(string name, string? otherwise = null) => Required(name, otherwise is null, _json.Text(name)) ?? otherwise ?? "";

    /// <summary>A list of strings, or null when absent.</summary>
    public IReadOnlyList<string>? Texts(string name) => _json.Texts(name);

    /// <summary>A list of whole numbers, or null when absent.</summary>
    public IReadOnlyList<int>? Ints(string name) => _json.Ints(name);

    /// <summary>A nested object, or null when absent.</summary>
    public HfConfig? Section(string name) => _json.Section(name) is { } section ? new HfConfig(section) : null;

    /// <summary>Declares fields that the family's code reads and that do not bear on hidden states here; say why at the call.</summary>
    public void Ignore(params IEnumerable<string> names) => _json.MarkRead(names);

    /// <summary>Declares a field that is understood only with one value (or absent).</summary>
    public void Expect(string name, bool value)
    {
        if (Flag(name, value) != value) _json.Refuse(name, $"is {(!value).ToString().ToLowerInvariant()}, which is not supported");
    }

    /// <summary>Whether the object has no fields.</summary>
    public bool IsEmpty => !_json.Names.Any();

    /// <summary>Counts all that is left as read, and returns null.</summary>
    public T? Ignoring<T>() where T : class
    {
        _json.MarkRead(_json.Names);
        return null;
    }

    /// <summary>Refuses fields that are on: anything but absent, null, false, the number that means off, or an empty string, list or object.</summary>
    public void RefuseVariants(IEnumerable<ConfigSwitch> switches)
    {
        foreach (var (name, meaning, off) in switches)
        {
            _json.MarkRead([name]);
            if (_json.Peek(name) is { } value && IsOn(value, off)) _json.Refuse(name, $"is {StrictJson.Shown(value)}: {meaning}");
        }
    }

    /// <summary>Adds a problem of one field.</summary>
    public void Refuse(string name, string problem) => _json.Refuse(name, problem);

    /// <summary>Throws all problems in one sentence.</summary>
    /// <exception cref="Errors.ModelFormatException">There is any.</exception>
    public void ThrowProblems() => _json.ThrowProblems();

    private static bool IsOn(JsonElement value, double off) => value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Number => !value.TryGetDouble(out double number) || number != off,
        JsonValueKind.String => value.GetString()!.Length > 0,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.GetPropertyCount() > 0,
        _ => true,
    };

    private T? Required<T>(string name, bool required, T? value)
    {
        if (required && !_json.Has(name)) _json.Refuse(name, "is missing");
        return value;
    }
}

/// <summary>A field that, when it is on, makes another model of a family.</summary>
/// <param name="Name">The field.</param>
/// <param name="Meaning">What it turns on, for messages.</param>
/// <param name="Off">The number at which it changes nothing.</param>
internal sealed record ConfigSwitch(string Name, string Meaning, double Off = 0);
