using SparseRM.Benchmarking.Ops;
using SparseRM.Tensors;

namespace SparseRM.Benchmarking.Ab;

/// <summary>What <see cref="AbBenchmark"/> compares, and how long.</summary>
public sealed record AbOptions
{
    /// <summary>What the second is compared with.</summary>
    public required Side First { get; init; }

    /// <summary>What is asked about.</summary>
    public required Side Second { get; init; }

    /// <summary>The op on its sizes.</summary>
    public required OpShape Shape { get; init; }

    /// <summary>Type of the products.</summary>
    public DType Compute { get; init; } = DType.BF16;

    /// <summary>A name of <see cref="BackendCatalog.Names"/>.</summary>
    public string Backend { get; init; } = "cpu";

    /// <summary>Threads; 0 for all cores.</summary>
    public int Threads { get; init; }

    /// <summary>Whether the caches are emptied before each call.</summary>
    public bool Cold { get; init; }

    /// <summary>How sure the verdict is.</summary>
    public double Confidence { get; init; } = 0.99;

    /// <summary>Differences up to this share say nothing.</summary>
    public double Margin { get; init; } = 0.01;

    /// <summary>Rounds end where <see cref="PairedComparison.Spread"/> is at most this.</summary>
    public double Spread { get; init; } = 0.002;

    /// <summary>Rounds at most.</summary>
    public int Rounds { get; init; } = 200;

    /// <summary>Seconds at most, the start of the processes not counted.</summary>
    public double Seconds { get; init; } = 20;

    /// <summary>How often both processes are started again: with other inputs, at other addresses. Even, so that each is as often the first.</summary>
    public int Placements { get; init; } = 6;

    /// <summary>Seconds that a process may take to start, or for one measurement, before it counts as hung.</summary>
    public double Limit { get; init; } = 120;
}

/// <summary>What <see cref="AbBenchmark"/> found.</summary>
/// <param name="Options">What was asked for.</param>
/// <param name="Names">What computed: variants by name.</param>
/// <param name="Seconds">Of a call of each, the median over all measurements.</param>
/// <param name="Comparison">The ratios of all rounds.</param>
/// <param name="SameBits">Whether both gave the same bits for the last rows of the same inputs.</param>
/// <param name="LoadOfOthers">Share of the machine's processors that other processes took meanwhile.</param>
public sealed record AbResult(
    AbOptions Options, (string First, string Second) Names, (double First, double Second) Seconds, PairedComparison Comparison, bool SameBits, double LoadOfOthers)
{
    /// <summary>From what load of others on a measurement is doubtful.</summary>
    public const double Busy = 0.1;
}
