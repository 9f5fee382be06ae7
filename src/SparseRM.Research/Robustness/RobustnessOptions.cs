using SparseRM.Fitting;

namespace SparseRM.Research.Robustness;

/// <summary>What a fit is put through.</summary>
public sealed record RobustnessOptions
{
    /// <summary>Latents a side.</summary>
    public int K { get; init; } = 128;

    /// <summary>Losses, beside each other; the first is that of suspect pairs and of stability.</summary>
    public IReadOnlyList<PreferenceLossKind> Losses { get; init; } = [PreferenceLossKind.Margin, PreferenceLossKind.BradleyTerry, PreferenceLossKind.Bce];

    /// <summary>How heads are trained; its seed is the first draw's, its threads are how many fits run at once.</summary>
    public HeadTrainingOptions Training { get; init; } = new();

    /// <summary>Draws of each condition: of the pairs that are spoilt, and of initial weights.</summary>
    public int Draws { get; init; } = 3;

    /// <summary>Texts that are put after answers; the first is also the one that poisons training data.</summary>
    public IReadOnlyList<string> Triggers { get; init; } = ["cf."];
}
