using SparseRM.Fitting;
using SparseRM.Models;
using SparseRM.Sae;
using SparseRM.Scoring;

namespace SparseRM;

/// <summary>What a trainer reads states with: the same for all its fits.</summary>
/// <example><code>var options = new TrainerOptions { Backbone = new BackboneOptions { Model = folder }, Sae = sae, CacheFolder = "states" };</code></example>
public sealed record TrainerOptions
{
    /// <summary>The model and how it runs.</summary>
    public required BackboneOptions Backbone { get; init; }

    /// <summary>Block after which the residual stream is read, 0-based; null leaves it to the SAE.</summary>
    public int? Layer { get; init; }

    /// <summary>Where the residual stream is read.</summary>
    public ReadOutPosition Position { get; init; } = ReadOutPosition.Last;

    /// <summary>SAE file or folder; needed for the inputs projection and activations.</summary>
    public string? Sae { get; init; }

    /// <summary>How Llama Scope checkpoints gate.</summary>
    public LlamaScopeMode LlamaScopeMode { get; init; } = LlamaScopeMode.Official;

    /// <summary>Whether an SAE may be used that names another model than this one.</summary>
    public bool SaeOfOtherModel { get; init; }

    /// <summary>Folder of the cache of hidden states; null for none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>
    /// Bytes of hidden states of one data set that are kept in memory. The states of a larger set are read from the cache for each pass over them, or
    /// computed again where there is none, so that memory does not grow with the set.
    /// </summary>
    public long KeptStateBytes { get; init; } = PreferenceStates.DefaultKeptBytes;
}

/// <summary>How one reward model is fitted.</summary>
/// <example><code>var fitted = trainer.Fit(states, new FitOptions { K = 32, Heads = 5 });   // five heads, so that scores have a doubt</code></example>
public sealed record FitOptions
{
    /// <summary>What the head sees.</summary>
    public HeadInputKind Input { get; init; } = HeadInputKind.Projection;

    /// <summary>Latents a side, 2K directions in all.</summary>
    public int K { get; init; } = 128;

    /// <summary>How the head is trained; its seed also draws random directions.</summary>
    public HeadTrainingOptions Training { get; init; } = new();

    /// <summary>Heads that are trained on the same inputs and aggregated into one score; with several, each score has a doubt.</summary>
    public int Heads { get; init; } = 1;

    /// <summary>Whether each of several heads sees a random sample of the training prompts, with replacement; otherwise they differ by their seeds only.</summary>
    public bool Bootstrap { get; init; } = true;

    /// <summary>How the heads' scores become one where scoring does not say it.</summary>
    public ScoreAggregate Aggregate { get; init; } = ScoreAggregate.Mean;

    /// <summary>Uses only the first pairs of the data; null for all.</summary>
    public int? Pairs { get; init; }

    /// <summary>Whether directions or gates are chosen among an SAE's latents.</summary>
    internal bool UsesSae => Input is HeadInputKind.Projection or HeadInputKind.Activations;
}

/// <summary>A fitted reward model and what a user should see of the fit.</summary>
/// <param name="Reward">The reward model.</param>
/// <param name="Heads">Training history and accuracies of each head.</param>
/// <param name="Warnings">One sentence each.</param>
/// <example><code>
/// FitResult fitted = trainer.Fit(states, new FitOptions());
/// foreach (string warning in fitted.Warnings) Console.Error.WriteLine(warning);
/// RewardModelFile.Save("reward.safetensors", fitted.Reward);
/// </code></example>
public sealed record FitResult(RewardModel Reward, IReadOnlyList<TrainedHead> Heads, IReadOnlyList<string> Warnings)
{
    /// <summary>The first head's.</summary>
    public TrainedHead Head => Heads[0];
}
