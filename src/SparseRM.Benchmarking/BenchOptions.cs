using SparseRM.Backends;
using SparseRM.Models;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>What <see cref="ScoringBenchmark"/> measures.</summary>
public sealed record BenchOptions
{
    /// <summary>A name of <see cref="ModelShapes.Names"/>, or a model folder or hub id where <see cref="IsFolder"/>.</summary>
    public required string Model { get; init; }

    /// <summary>Whether <see cref="Model"/> is a folder with weights of its own.</summary>
    public bool IsFolder { get; init; }

    /// <summary>Blocks that run; null for the shape's own number.</summary>
    public int? Blocks { get; init; }

    /// <summary>Tokens of one sequence; null for 512, or 25 for MiniWorld.</summary>
    public int? Tokens { get; init; }

    /// <summary>Sequences of one call; null for one, and a batch of eight short ones beside it.</summary>
    public int? Batch { get; init; }

    /// <summary>Exactly so many timed runs of each scenario; null for as many as the time allows.</summary>
    public int? Runs { get; init; }

    /// <summary>A few seconds instead of a minute: fewer runs and no group.</summary>
    public bool Quick { get; init; }

    /// <summary>Thread counts to compare; the last one is measured in full. 0 is all cores.</summary>
    public IReadOnlyList<int> Threads { get; init; } = [0];

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>Which variant computes an op; the backend's own choice for the others.</summary>
    public IReadOnlyDictionary<OpKind, string> Variants { get; init; } = new Dictionary<OpKind, string>();

    /// <summary>F32, BF16 or I8 products; null takes the weights' own type, BF16 for made-up ones.</summary>
    public DType? Compute { get; init; }

    /// <summary>See <see cref="BackboneOptions.MaxBatchTokens"/>.</summary>
    public int MaxBatchTokens { get; init; } = BatchPlan.DefaultTokens;

    /// <summary>Seed of made-up weights, token ids and the head.</summary>
    public long Seed { get; init; } = 1;
}
