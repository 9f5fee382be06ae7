using SparseRM.Scoring;

namespace SparseRM.Fitting;

/// <summary>Where training stands; reported once an epoch.</summary>
/// <param name="Run">Which of <paramref name="Runs"/>, from 1.</param>
/// <param name="Runs">Number of heads times number of seeds.</param>
/// <param name="MaxEpochs">Epochs of a run at most; it may stop earlier.</param>
/// <param name="Epoch">The epoch that ended.</param>
public readonly record struct TrainingProgress(int Run, int Runs, int MaxEpochs, TrainingEpoch Epoch);

/// <summary>One pass over the training pairs.</summary>
/// <param name="Number">From 1.</param>
/// <param name="TrainingLoss">Mean loss of the mini-batches, each before its step.</param>
/// <param name="TrainingAccuracy">Likewise, share of pairs ordered rightly.</param>
/// <param name="HeldOutLoss">Mean loss on the held-out pairs after the epoch; null when nothing is held out.</param>
/// <param name="HeldOutAccuracy">Share of held-out pairs ordered rightly after the epoch; null when nothing is held out.</param>
public readonly record struct TrainingEpoch(int Number, double TrainingLoss, double TrainingAccuracy, double? HeldOutLoss, double? HeldOutAccuracy);

/// <summary>A trained head and how it came about.</summary>
public sealed record TrainedHead
{
    /// <summary>The head for raw inputs: standardisation is folded into its first layer.</summary>
    public required RewardHead Head { get; init; }

    /// <summary>[in]: mean input over both sides of the training part, the reference point of explanations.</summary>
    public required float[] MeanInput { get; init; }

    /// <summary>Pairs trained on.</summary>
    public required int TrainingPairs { get; init; }

    /// <summary>Pairs held out; they chose the epoch (and the seed), so their accuracy is slightly flattering.</summary>
    public required int HeldOutPairs { get; init; }

    /// <summary>Mean loss of the kept head on the training part.</summary>
    public required double TrainingLoss { get; init; }

    /// <summary>Share of training pairs that the kept head orders rightly.</summary>
    public required double TrainingAccuracy { get; init; }

    /// <summary>Mean loss of the kept head on the held-out pairs; null when nothing was held out.</summary>
    public required double? HeldOutLoss { get; init; }

    /// <summary>Share of held-out pairs that the kept head orders rightly; null when nothing was held out.</summary>
    public required double? HeldOutAccuracy { get; init; }

    /// <summary>Which run was kept, from 1; the runs of one head follow those of the head before.</summary>
    public required int Run { get; init; }

    /// <summary>The epoch whose weights were kept, from 1.</summary>
    public required int BestEpoch { get; init; }

    /// <summary>Every epoch of the kept run, those after the best included.</summary>
    public required IReadOnlyList<TrainingEpoch> History { get; init; }

    /// <summary>Inputs without variance in the training part: their weights are 0.</summary>
    public required IReadOnlyList<int> LeftOutInputs { get; init; }
}
