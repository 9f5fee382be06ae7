using SparseRM.Errors;

namespace SparseRM.Fitting;

/// <summary>How a head is trained. The defaults reach the method's accuracies with about 1,000 pairs.</summary>
public sealed record HeadTrainingOptions
{
    /// <summary>The loss.</summary>
    public PreferenceLossKind Loss { get; init; } = PreferenceLossKind.Margin;

    /// <summary>gamma of the margin loss.</summary>
    public double Margin { get; init; } = 1;

    /// <summary>Hidden units of the head.</summary>
    public int HiddenUnits { get; init; } = 512;

    /// <summary>AdamW's step size.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>AdamW's decoupled weight decay, on weights and biases.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Pairs in a mini-batch.</summary>
    public int BatchPairs { get; init; } = 64;

    /// <summary>Passes over the training part at most.</summary>
    public int MaxEpochs { get; init; } = 60;

    /// <summary>Epochs without a better held-out result after which training stops.</summary>
    public int Patience { get; init; } = 15;

    /// <summary>Share of the pairs held out to choose the epoch (and the seed); 0 holds nothing out.</summary>
    public double HeldOutFraction { get; init; } = 0.1;

    /// <summary>Seed of the split, the initial weights and the order of the pairs.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Heads to train from different initial weights on the same split; the best on the held-out part is kept.</summary>
    public int Seeds { get; init; } = 1;

    /// <summary>Threads at most; 0 takes all processors. The result is the same for any number.</summary>
    public int Threads { get; init; }

    /// <summary>As <see cref="Threads"/>, with the processors counted.</summary>
    internal int ThreadsToUse => Threads == 0 ? Environment.ProcessorCount : Threads;

    /// <exception cref="SparseRMException">A value is out of range; names it.</exception>
    internal void Validate()
    {
        Require(Margin > 0 && double.IsFinite(Margin), "margin", Margin, "positive");
        Require(HiddenUnits > 0, "number of hidden units", HiddenUnits, "at least 1");
        Require(LearningRate > 0 && double.IsFinite(LearningRate), "learning rate", LearningRate, "positive");
        Require(WeightDecay >= 0 && LearningRate * WeightDecay < 1, "weight decay", WeightDecay, "at least 0 and below 1 / learning rate");
        Require(BatchPairs > 0, "number of pairs in a batch", BatchPairs, "at least 1");
        Require(MaxEpochs > 0, "number of epochs", MaxEpochs, "at least 1");
        Require(Patience > 0, "patience", Patience, "at least 1");
        Require(HeldOutFraction is >= 0 and < 1, "held-out share", HeldOutFraction, "at least 0 and below 1");
        Require(Seeds > 0, "number of seeds", Seeds, "at least 1");
        Require(Threads >= 0, "number of threads", Threads, "at least 0");
    }

    private static void Require(bool holds, string what, double found, string expected)
    {
        if (!holds) throw new SparseRMException($"the {what} is {found}; it must be {expected}.");
    }
}
