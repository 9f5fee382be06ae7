using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>One named part of a reward model: heads of one shape over one input, their weight in the score, and what is known of the training inputs.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
public sealed class RewardComponent
{
    /// <summary>The name where nobody gave one.</summary>
    public const string DefaultName = "reward";

    /// <summary>Puts the parts together.</summary>
    /// <param name="name">Letters, digits, <c>_</c>, <c>-</c> and <c>.</c>; unlike the other components' names.</param>
    /// <param name="weight">Its factor in the model's score: finite and not 0.</param>
    /// <param name="input">v from z.</param>
    /// <param name="heads">Scores from v: at least one, all of one width.</param>
    /// <param name="meanInput">[in]: mean training input.</param>
    /// <param name="metadata">Where it comes from.</param>
    /// <param name="novelty">How unusual an input is, or null where that is not known.</param>
    /// <param name="probe">Inputs with the scores that the heads must give, or null.</param>
    /// <exception cref="SparseRMException">The name or the weight cannot be used.</exception>
    /// <exception cref="ArgumentException">The parts do not fit each other.</exception>
    public RewardComponent(
        string name, double weight, HeadInput input, IReadOnlyList<RewardHead> heads, float[] meanInput, RewardModelMetadata metadata,
        NoveltyEstimator? novelty = null, RewardProbe? probe = null)
    {
        if (!IsName(name)) throw new SparseRMException($"\"{name}\" cannot name a component; use letters, digits, \"_\", \"-\" and \".\".");
        if (!double.IsFinite(weight) || weight == 0) throw new SparseRMException($"the weight of component \"{name}\" is {weight}; it must be a number other than 0.");
        if (heads.Count == 0 || heads.Any(head => head.InputCount != input.Count || head.HiddenUnits != heads[0].HiddenUnits) || meanInput.Length != input.Count
            || (novelty is not null && novelty.InputCount != input.Count) || (probe is not null && probe.HeadCount != heads.Count))
        {
            throw new ArgumentException(
                $"an input of width {input.Count}, {heads.Count} heads, a mean of {meanInput.Length}, novelty of {novelty?.InputCount} and a probe of {probe?.HeadCount} heads");
        }
        (Name, Weight, Input, Heads, MeanInput, Metadata, Novelty, Probe) = (name, weight, input, [.. heads], meanInput, metadata, novelty, probe);
    }

    /// <summary>Its name within the model.</summary>
    public string Name { get; }

    /// <summary>Its factor in the model's score.</summary>
    public double Weight { get; }

    /// <summary>v from z.</summary>
    public HeadInput Input { get; }

    /// <summary>Scores from v.</summary>
    public IReadOnlyList<RewardHead> Heads { get; }

    /// <summary>[in]: mean training input, the reference point of explanations and of <see cref="Novelty"/>.</summary>
    public ReadOnlyMemory<float> MeanInput { get; }

    /// <summary>Where it comes from; identity, template and dtype are the same for all components of a model.</summary>
    public RewardModelMetadata Metadata { get; }

    /// <summary>How unusual an input is for the training data; null where too few pairs tell, and in files of format 1.</summary>
    public NoveltyEstimator? Novelty { get; }

    /// <summary>Inputs with the scores that the heads must give; null where nobody computed them.</summary>
    public RewardProbe? Probe { get; }

    /// <summary>The same with a probe.</summary>
    public RewardComponent With(RewardProbe probe) => new(Name, Weight, Input, Heads, MeanInput.ToArray(), Metadata, Novelty, probe);

    /// <summary>The same under another name and weight.</summary>
    public RewardComponent With(string name, double weight) => new(name, weight, Input, Heads, MeanInput.ToArray(), Metadata, Novelty, Probe);

    /// <summary>The same with other metadata.</summary>
    internal RewardComponent With(RewardModelMetadata metadata) => new(Name, Weight, Input, Heads, MeanInput.ToArray(), metadata, Novelty, Probe);

    /// <summary>The score of each head for the input v [in], rounded to F32 as a backend gives it.</summary>
    /// <param name="v">The head's input.</param>
    /// <param name="scores">[heads].</param>
    public void HeadScores(ReadOnlySpan<float> v, Span<float> scores)
    {
        for (int head = 0; head < Heads.Count; head++) scores[head] = (float)Heads[head].Score(v);
    }

    private static bool IsName(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
}
