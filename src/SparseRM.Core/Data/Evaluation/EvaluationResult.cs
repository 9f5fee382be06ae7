namespace SparseRM.Data.Evaluation;

/// <summary>Scores of one item's answers, in the item's order.</summary>
/// <param name="Chosen">One score a chosen answer.</param>
/// <param name="Rejected">One score a rejected answer.</param>
public sealed record ItemScores(IReadOnlyList<float> Chosen, IReadOnlyList<float> Rejected);

/// <summary>How many of how many were right.</summary>
/// <param name="Correct">Pairs in which the chosen answer scored strictly higher.</param>
/// <param name="Total">All pairs.</param>
public readonly record struct AccuracyCount(long Correct, long Total)
{
    /// <summary>Correct / Total; NaN where there is no pair.</summary>
    public double Accuracy => (double)Correct / Total;
}

/// <summary>The pair count of one subset.</summary>
/// <param name="Subset">The items' own name for it.</param>
/// <param name="Pairs">Its pairs.</param>
public sealed record SubsetAccuracy(string Subset, AccuracyCount Pairs);

/// <summary>One named part of a benchmark's own score.</summary>
/// <param name="Name">Section or subset.</param>
/// <param name="Score">0 to 1; the Ties part of RewardBench 2 can pass 1 by 0.01.</param>
/// <param name="Items">Items that it was made of.</param>
public sealed record BenchmarkPart(string Name, double Score, int Items);

/// <summary>A benchmark's own number, made by its owner's rule.</summary>
/// <param name="Rule">What was computed, in a few words for people.</param>
/// <param name="Score">The overall number.</param>
/// <param name="Parts">What it is the mean of; empty where the rule has no parts.</param>
public sealed record BenchmarkScore(string Rule, double Score, IReadOnlyList<BenchmarkPart> Parts);

/// <summary>What an evaluation found.</summary>
/// <param name="Pairs">Each chosen answer against each rejected one; a tie is wrong.</param>
/// <param name="BySubset">The same by subset, in the file's order; empty where no item names one.</param>
/// <param name="Benchmark">The benchmark's own rule where the data are a benchmark's, else null.</param>
public sealed record EvaluationResult(AccuracyCount Pairs, IReadOnlyList<SubsetAccuracy> BySubset, BenchmarkScore? Benchmark);
