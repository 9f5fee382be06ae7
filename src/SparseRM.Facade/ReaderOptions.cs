using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM;

/// <summary>How texts become residual states.</summary>
public sealed record ReaderOptions
{
    /// <summary>A model folder, or a hub id in the local Hugging Face cache.</summary>
    public required string Model { get; init; }

    /// <summary>Block after which the residual stream is read, 0-based. A fit may leave it to the SAE, a scorer takes it from the reward model.</summary>
    public int? Layer { get; init; }

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>Threads; 0 for all cores. Changes no bit of any score.</summary>
    public int Threads { get; init; }

    /// <summary>Which variant computes an op; the backend's own choice for the others. Scores then differ by its rounding.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants { get; init; } = new Dictionary<OpKind, string>();

    /// <summary>F32 or BF16 products; null takes the weights' own type.</summary>
    public DType? Compute { get; init; }

    /// <summary>A template's name or file; null takes the model's own.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>A template's name and source, as a reward model keeps them; goes before <see cref="ChatTemplate"/>.</summary>
    public (string Name, string Source)? Template { get; init; }

    /// <summary>Whether only token ids will be given: then no tokenizer and no template is read.</summary>
    public bool IdsOnly { get; init; }

    /// <summary>Where the residual stream is read. A scorer takes the reward model's.</summary>
    public ReadOutPosition Position { get; init; } = ReadOutPosition.Last;

    /// <summary>What happens to inputs longer than the context.</summary>
    public Truncation Truncation { get; init; } = Truncation.Refuse;

    /// <summary>Tokens computed at once: bounds the memory of activations.</summary>
    public int MaxBatchTokens { get; init; } = ResidualRunner.DefaultBatchTokens;
}
