namespace SparseRM;

/// <summary>How far a long piece of work is.</summary>
/// <param name="Stage">What is being done, for people: <c>loading blocks</c>, <c>reading states</c>.</param>
/// <param name="Done">Units done.</param>
/// <param name="Total">Units in all.</param>
public readonly record struct WorkProgress(string Stage, long Done, long Total);
