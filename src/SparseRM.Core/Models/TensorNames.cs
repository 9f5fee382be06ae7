using SparseRM.Errors;

namespace SparseRM.Models;

/// <summary>Finds a model's tensors whatever they were wrapped in when they were saved: <c>embed_tokens.weight</c> and <c>layers.N.*</c> by their actual names.</summary>
/// <remarks>
/// Known wrappers: none (a base model's own state dict), <c>model.</c>, multimodal folders (<c>language_model.model.</c>, <c>model.language_model.</c>), trl
/// (<c>pretrained_model.</c>), PEFT after a merge (<c>base_model.model.</c>), DDP (<c>module.</c>) and torch.compile or FSDP at any place
/// (<c>_orig_mod.</c>, <c>_fsdp_wrapped_module.</c>), in any combination.
/// </remarks>
internal sealed class TensorNames
{
    private const string Embedding = "embed_tokens.weight";

    private static readonly HashSet<string> s_wrappers = ["model", "language_model", "pretrained_model", "base_model", "module", "state_dict"];
    private static readonly HashSet<string> s_transparent = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

    private readonly Dictionary<string, string> _actual = new(StringComparer.Ordinal), _canonical = new(StringComparer.Ordinal);

    /// <param name="path">The folder, for messages.</param>
    /// <param name="names">Every tensor's name.</param>
    /// <exception cref="ModelFormatException">No embedding, more than one, a tensor that is there twice, or an adapter that is not merged.</exception>
    public TensorNames(string path, IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            if (IsAdapter(name))
                throw new ModelFormatException(path, $"has tensor \"{name}\" of an adapter (LoRA) that is not merged; merge it with PEFT's merge_and_unload and save the merged model");
            if (Unwrapped(name) is not { } plain) continue;
            if (!_actual.TryAdd(plain, name))
                throw new ModelFormatException(path, $"has both \"{_actual[plain]}\" and \"{name}\", which are the same tensor in two wrappers; keep one of them");
            _canonical.Add(name, plain);
        }
        if (!_actual.ContainsKey(Embedding))
            throw new ModelFormatException(path, "has no tensor \"model.embed_tokens.weight\" (nor one of that name under a known prefix); it is not a language model of a supported family");
    }

    /// <summary>The file's name for <c>layers.3.mlp.up_proj.weight</c>; where the file has none, the name that it would have beside the embedding.</summary>
    public string Actual(string plain) => _actual.GetValueOrDefault(plain) ?? _actual[Embedding][..^Embedding.Length] + plain;

    /// <summary>Whether the file has it.</summary>
    public bool Contains(string plain) => _actual.ContainsKey(plain);

    /// <summary>The plain name of a file's tensor; null where it is not of the blocks or the embedding.</summary>
    public string? Plain(string actual) => _canonical.GetValueOrDefault(actual);

    /// <summary>Null for what lies elsewhere: heads, vision towers, the final norm.</summary>
    private static string? Unwrapped(string name)
    {
        string[] parts = [.. name.Split('.').Where(part => !s_transparent.Contains(part))];
        int first = 0;
        while (first < parts.Length && s_wrappers.Contains(parts[first])) first++;
        string plain = string.Join('.', parts[first..]);
        return plain == Embedding || plain.StartsWith("layers.", StringComparison.Ordinal) ? plain : null;
    }

    private static bool IsAdapter(string name) =>
        name.Contains(".lora_", StringComparison.Ordinal) || name.Contains(".base_layer.", StringComparison.Ordinal) || name.Contains(".modules_to_save.", StringComparison.Ordinal);
}
