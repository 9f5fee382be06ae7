using SparseRM.Backends;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking;

/// <summary>How long one way of asking took.</summary>
public sealed record ScenarioResult
{
    /// <summary><c>single</c>, <c>batch</c>, <c>group</c> or <c>short</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What one call scored, for people.</summary>
    public required string What { get; init; }

    /// <summary>Sequences of one call.</summary>
    public required int Sequences { get; init; }

    /// <summary>What one call takes by the book.</summary>
    public required NominalWork Work { get; init; }

    /// <summary>Seconds of each timed call.</summary>
    public required Timings Seconds { get; init; }

    /// <summary>Tokens asked for, per second.</summary>
    public double TokensPerSecond => Work.Tokens / Seconds.Median;

    /// <summary>10^9 nominal floating-point operations per second.</summary>
    public double Gflops => Work.Flops / Seconds.Median / 1e9;

    /// <summary>Seconds for each distinct token.</summary>
    public double SecondsPerToken => Seconds.Median / Work.DistinctTokens;

    /// <summary>Seconds per distinct token as a multiple of those of <c>single</c>.</summary>
    public double? CostOfSingle { get; init; }
}

/// <summary>The same work on another number of threads.</summary>
/// <param name="Threads">How many; 0 for all cores.</param>
/// <param name="TokensPerSecond">Of the headline scenario.</param>
/// <param name="Gain">As a multiple of the first row.</param>
public sealed record ScalingRow(int Threads, double TokensPerSecond, double Gain);

/// <summary>What <see cref="ScoringBenchmark"/> found.</summary>
public sealed record BenchResult
{
    /// <summary>What ran.</summary>
    public required BenchModel Model { get; init; }

    /// <summary>What was asked for.</summary>
    public required BenchOptions Options { get; init; }

    /// <summary>The backend's name and what it says of itself.</summary>
    public required (string Name, string Description) Backend { get; init; }

    /// <summary>Variant in use of every op.</summary>
    public required IReadOnlyDictionary<OpKind, string> Variants { get; init; }

    /// <summary>F32, BF16 or I8 products.</summary>
    public required DType Compute { get; init; }

    /// <summary>What the machine reaches at most; empty where the backend cannot say.</summary>
    public required IReadOnlyList<Peak> Peaks { get; init; }

    /// <summary>Seconds to open the model: to make up or map, and to pack its weights.</summary>
    public required double OpenSeconds { get; init; }

    /// <summary>Seconds of the first score after that, of one sequence.</summary>
    public required double FirstScoreSeconds { get; init; }

    /// <summary>Bytes of the matrices that the backend keeps.</summary>
    public required long ModelBytes { get; init; }

    /// <summary>Bytes of the process that lie in memory after all calls.</summary>
    public required long ResidentBytes { get; init; }

    /// <summary>Managed bytes that one more token of a sequence allocates.</summary>
    public required double AllocatedBytesPerToken { get; init; }

    /// <summary>Managed bytes that a call for one sequence allocates.</summary>
    public required long AllocatedBytesPerCall { get; init; }

    /// <summary>Each way of asking.</summary>
    public required IReadOnlyList<ScenarioResult> Scenarios { get; init; }

    /// <summary>The headline scenario by threads; empty for one count.</summary>
    public required IReadOnlyList<ScalingRow> Scaling { get; init; }

    /// <summary>The scenario that the result is known by: the batch that was asked for, else one sequence.</summary>
    public ScenarioResult Headline => Scenarios.First(scenario => scenario.Name == (Options.Batch > 1 ? "batch" : "single"));

    /// <summary>The arithmetic limit of the matrix products' variant, in floating-point operations a second; null where the backend cannot say.</summary>
    public double? Peak => MachinePeaks.Of(Peaks, Variants[OpKind.MatMul], Compute);
}
