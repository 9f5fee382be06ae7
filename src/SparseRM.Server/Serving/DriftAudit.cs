using SparseRM.Scoring;

namespace SparseRM.Server.Serving;

/// <summary>Counts how unusual the scored inputs are beside those of the fit.</summary>
internal sealed class DriftAudit(RewardModel reward)
{
    /// <summary>The reward model.</summary>
    public RewardModel Reward => reward;
}
