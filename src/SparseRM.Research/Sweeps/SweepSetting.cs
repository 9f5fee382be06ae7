using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Scoring;

namespace SparseRM.Research.Sweeps;

/// <summary>One fit of a sweep.</summary>
/// <param name="Position">Where states are read.</param>
/// <param name="Layer">Block after which they are read.</param>
/// <param name="Sae">The SAE as it was named, for the inputs projection and activations; else null.</param>
/// <param name="Input">What the head sees.</param>
/// <param name="K">Latents or random directions a side; null for the dense state.</param>
/// <param name="Pairs">Pairs of the data that are used, from the first; 0 for all.</param>
/// <param name="HiddenUnits">Of the head.</param>
/// <param name="Loss">What the head minimises.</param>
/// <param name="Seed">Of everything random.</param>
/// <param name="Weights">Names the weights of the model up to the layer and of the SAE.</param>
public sealed record SweepSetting(
    ReadOutPosition Position, int Layer, string? Sae, HeadInputKind Input, int? K, int Pairs, int HiddenUnits, PreferenceLossKind Loss, long Seed, string Weights = "");

/// <summary>What came of it.</summary>
/// <param name="Setting">The fit.</param>
/// <param name="Correct">Test pairs that it orders rightly (a tie is wrong).</param>
/// <param name="Total">Test pairs.</param>
/// <param name="HeldOutAccuracy">On the pairs of the data that were kept out of training; null where there are none.</param>
/// <param name="Epoch">The epoch that was kept.</param>
public sealed record SweepRun(SweepSetting Setting, int Correct, int Total, double? HeldOutAccuracy, int Epoch)
{
    /// <summary>Share of test pairs that are ordered rightly.</summary>
    public AccuracyInterval Accuracy => new(Correct, Total);
}

/// <summary>Values of each setting; every combination is run that can be.</summary>
public sealed record SweepOptions
{
    /// <summary>SAE files or folders; each gives its own layer.</summary>
    public IReadOnlyList<string> Saes { get; init; } = [];

    /// <summary>Blocks, for the inputs dense and random, and to keep SAEs of other blocks out; null for those of the SAEs.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Where states are read.</summary>
    public IReadOnlyList<ReadOutPosition> Positions { get; init; } = [ReadOutPosition.Last];

    /// <summary>What the head sees.</summary>
    public IReadOnlyList<HeadInputKind> Inputs { get; init; } = [HeadInputKind.Projection];

    /// <summary>Latents or random directions a side.</summary>
    public IReadOnlyList<int> Ks { get; init; } = [128];

    /// <summary>First pairs of the data that are used; 0 for all.</summary>
    public IReadOnlyList<int> Pairs { get; init; } = [0];

    /// <summary>Widths of the head's hidden layer.</summary>
    public IReadOnlyList<int> HiddenUnits { get; init; } = [512];

    /// <summary>Losses.</summary>
    public IReadOnlyList<PreferenceLossKind> Losses { get; init; } = [PreferenceLossKind.Margin];

    /// <summary>Number of seeds, from that of <see cref="Training"/> on.</summary>
    public int Seeds { get; init; } = 1;

    /// <summary>Everything else of the training; its threads are how many fits run at once.</summary>
    public HeadTrainingOptions Training { get; init; } = new();

    /// <summary>How Llama Scope checkpoints gate.</summary>
    public Sae.LlamaScopeMode LlamaScopeMode { get; init; } = Sae.LlamaScopeMode.Official;

    /// <summary>Bytes of hidden states that are kept in memory, of one position.</summary>
    public long KeptStateBytes { get; init; } = PreferenceStates.DefaultKeptBytes;
}
