using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Heads that were trained on the same pairs, and what is known of their inputs.</summary>
public sealed record TrainedEnsemble
{
    /// <summary>The heads, at least one; all have the same held-out part.</summary>
    public required IReadOnlyList<TrainedHead> Heads { get; init; }

    /// <summary>Share of held-out pairs that the mean of the heads orders rightly (ties are wrong); null when nothing was held out.</summary>
    public required double? HeldOutAccuracy { get; init; }

    /// <summary>How unusual an input is for the training pairs; null where too few of them tell.</summary>
    public required NoveltyEstimator? Novelty { get; init; }
}
