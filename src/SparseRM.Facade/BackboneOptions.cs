using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM;

/// <summary>Which model runs, where and how. Backbones of one model that compute alike share its weights; those with equal options their queue and caches, too.</summary>
/// <example><code>var options = new BackboneOptions { Model = "google/gemma-2-2b-it", Threads = 8, PrefixCacheBytes = 1L &lt;&lt; 30 };</code></example>
public sealed record BackboneOptions
{
    /// <summary>A model folder, or a hub id in the local Hugging Face cache.</summary>
    public required string Model { get; init; }

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>Threads; 0 for all cores. Changes no bit of any score.</summary>
    public int Threads { get; init; }

    /// <summary>Which variant computes an op; the backend's own choice for the others. Scores then differ by its rounding.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants { get; init; } = new Dictionary<OpKind, string>();

    /// <summary>F32, BF16 or I8 products; null takes the weights' own type, a scorer its reward model's.</summary>
    public DType? Compute { get; init; }

    /// <summary>A chat template's name or file; null takes the model's own, a scorer its reward model's.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>A template's name and source, as a reward model keeps them; only where <see cref="ChatTemplate"/> is null.</summary>
    public (string Name, string Source)? Template { get; init; }

    /// <summary>Whether only token ids will be given: then no tokenizer and no template is read.</summary>
    public bool IdsOnly { get; init; }

    /// <summary>What happens to inputs longer than the context.</summary>
    public Truncation Truncation { get; init; } = Truncation.Refuse;

    /// <summary>Tokens computed at once: bounds the memory of activations.</summary>
    public int MaxBatchTokens { get; init; } = BatchPlan.DefaultTokens;

    /// <summary>Bytes of keys and values that are kept of earlier texts; 0 keeps none.</summary>
    public long PrefixCacheBytes { get; init; } = DefaultPrefixCacheBytes;

    /// <summary>
    /// Bytes of keys and values that sessions may hold beside what they share with the prefix cache; null for as many as <see cref="PrefixCacheBytes"/>, and at
    /// least <see cref="DefaultPrefixCacheBytes"/>.
    /// </summary>
    public long? SessionBytes { get; init; }

    /// <summary>How much may wait.</summary>
    public QueueOptions Queue { get; init; } = new();

    /// <summary>Whether others with equal options get the same engine; not for who selects variants while it runs.</summary>
    internal bool IsShared { get; init; } = true;

    /// <summary>Some 2,500 tokens of Gemma-2-2B up to layer 13.</summary>
    public const long DefaultPrefixCacheBytes = 256L << 20;
}
