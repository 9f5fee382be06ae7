using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM.Research.Choosing;

/// <summary>Between which settings a fit chooses.</summary>
public sealed record ChoiceOptions
{
    /// <summary>SAE files or folders, each of its own layer, for the inputs projection and activations.</summary>
    public IReadOnlyList<string> Saes { get; init; } = [];

    /// <summary>Blocks; null for those of the SAEs or, without an SAE, for all of the model.</summary>
    public IReadOnlyList<int>? Layers { get; init; }

    /// <summary>Where states are read.</summary>
    public IReadOnlyList<ReadOutPosition> Positions { get; init; } = [ReadOutPosition.Last];

    /// <summary>Latents or random directions a side; null for those of <see cref="DefaultKs"/> that every SAE has.</summary>
    public IReadOnlyList<int>? Ks { get; init; }

    /// <summary>What the head sees.</summary>
    public HeadInputKind Input { get; init; } = HeadInputKind.Projection;

    /// <summary>How heads are trained; its threads are how many fits run at once.</summary>
    public HeadTrainingOptions Training { get; init; } = new();

    /// <summary>Parts of the data each of which is kept from the whole choice in turn.</summary>
    public int OuterFolds { get; init; } = 5;

    /// <summary>Parts of what is left, by which a choice is made.</summary>
    public int InnerFolds { get; init; } = 3;

    /// <summary>How Llama Scope checkpoints gate.</summary>
    public LlamaScopeMode LlamaScopeMode { get; init; } = LlamaScopeMode.Official;

    /// <summary>Bytes of hidden states of all layers and positions that are kept in memory.</summary>
    public long KeptStateBytes { get; init; } = PreferenceStates.DefaultKeptBytes;

    /// <summary>Values of K that are tried where nobody says which.</summary>
    public static IReadOnlyList<int> DefaultKs { get; } = [8, 16, 32, 64, 128];
}
