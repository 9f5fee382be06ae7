namespace SparseRM.Research.SaeTraining;

/// <summary>What JumpReLU pays for active latents: d_in * w * ((L0 / target - 1)^2 + sum_j max(0, f_j / 0.1 - 1)^2 / target), f_j the share of tokens on which j is active.</summary>
/// <remarks>
/// <para>The first part brings L0 to its target, the second holds down latents that are active on more than a tenth of all tokens, which seldom mean anything. w rises
/// to 1 over the first tenth of training.</para>
/// <para>Straight-through estimators with a rectangle of width e around the threshold t: d f_j / d t_j = -(tokens with |p - t| &lt; e / 2) / (tokens * e), and
/// d a / d t = -t / e there. Source: Rajamanoharan et al. 2024, sections 3 and appendix; the threshold itself is learned and kept at 0 or above, not its logarithm.
/// A cap on frequencies in the place of a penalty for all follows Smith et al. 2025 ("Negative results for SAEs on downstream tasks") in its aim, not its formula.</para>
/// </remarks>
internal readonly struct JumpReluPenalty
{
    /// <summary>Half of e, in units in which states have a mean squared norm of d_in.</summary>
    public const float HalfBandwidth = 0.25f;

    /// <summary>Adam's step of a threshold, in steps of the weights. Thresholds begin near 2, and the encoder changes in some hundred steps:
    /// with the weights' own step they would be left behind.</summary>
    public const double ThresholdPace = 10;

    private const double RareUpTo = 0.1, WarmUp = 0.1;
    private readonly double _weight, _rows, _target, _common;

    /// <summary>The penalty of a batch.</summary>
    public JumpReluPenalty(int dIn, double target, double l0, int rows, double progress)
    {
        (_rows, _target) = (rows, target);
        _weight = dIn * Math.Min(1, progress / WarmUp);
        _common = 2 * ((l0 / target) - 1) / target;
    }

    /// <summary>The slope of the penalty in a latent's threshold.</summary>
    /// <param name="active">Tokens of the batch on which it is active.</param>
    /// <param name="near">Tokens with a pre-activation near the threshold.</param>
    public float ThresholdSlope(int active, int near)
    {
        double excess = Math.Max(0, (active / _rows / RareUpTo) - 1);
        double inFrequency = _weight * (_common + (2 * excess / RareUpTo / _target));
        return (float)(-inFrequency * near / (_rows * 2 * HalfBandwidth));
    }
}
