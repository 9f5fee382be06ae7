namespace SparseRM.Research.SaeTraining;

/// <summary>What a language model's loss becomes when an SAE's reconstructions stand in place of a block's states; mean cross-entropy of the next token, in nats.</summary>
/// <remarks>Replaced are the states that an SAE is trained on; those of special tokens stay. Source: Gao et al. 2024, section 4.1; SAELens <c>ce_loss_score</c>.</remarks>
/// <param name="Loss">Of the model as it is.</param>
/// <param name="WithSae">With the reconstructions.</param>
/// <param name="WithZeros">With zeros.</param>
/// <param name="Tokens">Predictions that the means are of: those from replaced states.</param>
public sealed record SplicedLoss(double Loss, double WithSae, double WithZeros, int Tokens)
{
    /// <summary>(WithZeros - WithSae) / (WithZeros - Loss): 1 where nothing is lost, 0 where zeros do as well; null where zeros do as well as the states.</summary>
    public double? Recovered => WithZeros > Loss ? (WithZeros - WithSae) / (WithZeros - Loss) : null;
}
