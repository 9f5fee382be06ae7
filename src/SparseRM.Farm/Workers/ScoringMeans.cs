using SparseRM.Parts;

namespace SparseRM.Farm.Workers;

/// <summary>What a silo computes with.</summary>
/// <param name="Scorer">Scores ranges of rows.</param>
/// <param name="Fingerprint">All that decides its bits.</param>
public sealed record ScoringMeans(PartScorer Scorer, ScoringFingerprint Fingerprint);
