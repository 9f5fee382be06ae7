using SparseRM.Errors;

namespace SparseRM.Scoring;

/// <summary>A fitted reward model: one or more weighted components over one hidden state. Immutable and thread-safe.</summary>
/// <remarks>
/// score = sum over components of weight * aggregate(heads). Each head's score is rounded to F32; aggregates and the sum are F64 in the order of the
/// components and rounded once to F32. One component of weight 1 with one head gives that head's score, bit for bit.
/// </remarks>
public sealed class RewardModel
{
    /// <summary>A model of one component with one head.</summary>
    /// <param name="input">v from z.</param>
    /// <param name="head">Score from v.</param>
    /// <param name="meanInput">[in]: mean training input.</param>
    /// <param name="metadata">Where it comes from.</param>
    /// <exception cref="ArgumentException">The widths differ.</exception>
    public RewardModel(HeadInput input, RewardHead head, float[] meanInput, RewardModelMetadata metadata)
        : this([new RewardComponent(RewardComponent.DefaultName, 1, input, [head], meanInput, metadata)]) { }

    /// <summary>Puts components together.</summary>
    /// <param name="components">At least one, of one model, layer, position, template, tokenizer and dtype.</param>
    /// <param name="aggregate">How the heads of a component become one score where scoring does not say it.</param>
    /// <param name="warnings">What a user should know of the file that it was read from.</param>
    /// <param name="calibration">What makes a probability of its score, or null where that is not known.</param>
    /// <exception cref="SparseRMException">Two components differ in what they are for, or have one name, or the aggregate needs more heads.</exception>
    public RewardModel(IReadOnlyList<RewardComponent> components, ScoreAggregate aggregate = default, IReadOnlyList<string>? warnings = null, ScoreCalibration? calibration = null)
    {
        if (components.Count == 0) throw new ArgumentException("a reward model without components", nameof(components));
        ComponentChecks.RequireOneState(components);
        (Components, Aggregate, Warnings, Calibration) = ([.. components], aggregate, warnings ?? [], calibration);
        RequireHeads(aggregate);
        HeadCount = components.Sum(component => component.Heads.Count);
    }

    /// <summary>The parts of the score.</summary>
    public IReadOnlyList<RewardComponent> Components { get; }

    /// <summary>How the heads of a component become one score where scoring does not say it.</summary>
    public ScoreAggregate Aggregate { get; }

    /// <summary>What a user should know of the file that it was read from, one sentence each; usually empty.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What makes a probability of a score by <see cref="Aggregate"/>; null where that is not known.</summary>
    public ScoreCalibration? Calibration { get; }

    /// <summary>The same with a calibration.</summary>
    public RewardModel With(ScoreCalibration calibration) => new(Components, Aggregate, Warnings, calibration);

    /// <summary>A model of one component, with the way in which its settings were chosen.</summary>
    /// <exception cref="InvalidOperationException">There are several components.</exception>
    public RewardModel With(SettingChoice choice) => new([Sole.With(Sole.Metadata with { Choice = choice })], Aggregate, Warnings, Calibration);

    /// <summary>Heads of all components together.</summary>
    public int HeadCount { get; }

    /// <summary>Where it comes from: of the first component. Identity, template and dtype are those of all.</summary>
    public RewardModelMetadata Metadata => Components[0].Metadata;

    /// <summary>Width of z.</summary>
    public int DModel => Components[0].Input.DModel;

    /// <summary>Whether a component can only be scored from activations that its SAE computed.</summary>
    public bool NeedsSae => Components.Any(component => component.Input.NeedsSae);

    /// <summary>Whether <see cref="Doubt"/> is known: every component has several heads.</summary>
    public bool HasDoubt => Components.All(component => component.Heads.Count > 1);

    /// <summary>Whether <see cref="Novelty(ReadOnlySpan{double})"/> is known: every component has statistics of its training inputs.</summary>
    public bool HasNovelty => Components.All(component => component.Novelty is not null);

    /// <summary>v from z, of a model of one component.</summary>
    /// <exception cref="InvalidOperationException">There are several components.</exception>
    public HeadInput Input => Sole.Input;

    /// <summary>The head of a model that has one.</summary>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public RewardHead Head => Sole.Heads.Count == 1 ? Sole.Heads[0] : throw new InvalidOperationException($"the reward model has {HeadCount} heads");

    /// <summary>[in]: mean training input of a model of one component.</summary>
    /// <exception cref="InvalidOperationException">There are several components.</exception>
    public ReadOnlyMemory<float> MeanInput => Sole.MeanInput;

    /// <summary>Whether it has one component with one head, so that <see cref="Input"/> and <see cref="Head"/> are all of it.</summary>
    public bool IsSingle => HeadCount == 1;

    private RewardComponent Sole => Components.Count == 1
        ? Components[0] : throw new InvalidOperationException($"the reward model has {Components.Count} components");

    /// <summary>One model out of several for the same hidden state: its score is the weighted sum of theirs. It has no calibration: theirs hold for their own scores.</summary>
    /// <param name="parts">The models, under names that differ.</param>
    /// <param name="aggregate">How heads become one score; null takes the parts' own, which then must agree.</param>
    /// <exception cref="SparseRMException">Two parts are for another model, layer, position, template, tokenizer or dtype, or their aggregates differ; names both.</exception>
    public static RewardModel Combine(IReadOnlyList<RewardPart> parts, ScoreAggregate? aggregate = null)
    {
        if (parts.Count == 0) throw new SparseRMException("there is no reward model to combine; give at least one.");
        if (aggregate is null && parts.FirstOrDefault(part => part.Model.Aggregate != parts[0].Model.Aggregate) is { } other)
        {
            throw new SparseRMException($"the heads of \"{parts[0].Name}\" are aggregated by {parts[0].Model.Aggregate}, those of \"{other.Name}\" by "
                + $"{other.Model.Aggregate}; say which to use.");
        }
        return new RewardModel(
            [.. from part in parts
                from component in part.Model.Components
                select component.With(part.Model.Components.Count == 1 ? part.Name : $"{part.Name}.{component.Name}", part.Weight * component.Weight)],
            aggregate ?? parts[0].Model.Aggregate);
    }

    /// <summary>The score from the scores of all heads.</summary>
    /// <param name="headScores">[<see cref="HeadCount"/>], component after component.</param>
    /// <param name="aggregate">How heads become one score; null for <see cref="Aggregate"/>.</param>
    /// <exception cref="SparseRMException">A head's score is not finite, or the aggregate needs more heads.</exception>
    public float Total(ReadOnlySpan<float> headScores, ScoreAggregate? aggregate = null)
    {
        RequireCount(headScores);
        var rule = aggregate ?? Aggregate;
        RequireHeads(rule);
        double total = 0;
        int at = 0;
        for (int i = 0; i < Components.Count; i++)
        {
            var component = Components[i];
            double part = component.Weight * rule.Of(headScores.Slice(at, component.Heads.Count), component.Weight < 0);
            // The first is taken as it is, so that -0 stays -0.
            total = i == 0 ? part : total + part;
            at += component.Heads.Count;
        }
        float score = (float)total;
        return float.IsFinite(score) ? score : throw new SparseRMException($"the weighted sum of the components is {total}; use smaller weights.");
    }

    /// <summary>What each component puts into the sum, before its weight.</summary>
    /// <param name="headScores">[<see cref="HeadCount"/>], component after component.</param>
    /// <param name="aggregate">How heads become one score; null for <see cref="Aggregate"/>.</param>
    /// <exception cref="SparseRMException">As for <see cref="Total"/>.</exception>
    public float[] ComponentScores(ReadOnlySpan<float> headScores, ScoreAggregate? aggregate = null)
    {
        RequireCount(headScores);
        var rule = aggregate ?? Aggregate;
        RequireHeads(rule);
        var scores = new float[Components.Count];
        int at = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = (float)rule.Of(headScores.Slice(at, Components[i].Heads.Count), Components[i].Weight < 0);
            at += Components[i].Heads.Count;
        }
        return scores;
    }

    /// <summary>Sample standard deviation of the score over the heads.</summary>
    /// <param name="headScores">[<see cref="HeadCount"/>], component after component.</param>
    /// <remarks>
    /// Where all components have as many heads, that of the weighted sum of their first heads, of their second heads, and so on. Else the components
    /// are taken as independent: the root of the sum of weight^2 * variance.
    /// </remarks>
    /// <exception cref="SparseRMException">A component has one head only.</exception>
    public double Doubt(ReadOnlySpan<float> headScores)
    {
        RequireCount(headScores);
        if (Components.FirstOrDefault(component => component.Heads.Count < 2) is { } sole)
            throw new SparseRMException(ErrorKind.Usage, $"component \"{sole.Name}\" has one head, so that its doubt is not known; fit it with at least 2 heads.");
        int heads = Components[0].Heads.Count;
        if (Components.All(component => component.Heads.Count == heads))
        {
            var totals = new double[heads];
            for (int i = 0; i < headScores.Length; i++) totals[i % heads] += Components[i / heads].Weight * headScores[i];
            return ScoreAggregate.StandardDeviation(totals);
        }
        double variance = 0;
        int at = 0;
        foreach (var component in Components)
        {
            double own = component.Weight * ScoreAggregate.StandardDeviation(headScores.Slice(at, component.Heads.Count));
            variance += own * own;
            at += component.Heads.Count;
        }
        return Math.Sqrt(variance);
    }

    /// <summary>Novelty of the whole from that of each component: 1 - min(1, n * the least tail probability), so that more components raise no alarm by themselves.</summary>
    /// <param name="components">[n]: <see cref="NoveltyEstimator.Of"/> of each component's input.</param>
    public double Novelty(ReadOnlySpan<double> components)
    {
        if (components.Length != Components.Count) throw new ArgumentException($"{components.Length} values for {Components.Count} components", nameof(components));
        double tail = 1;
        foreach (double novelty in components) tail = Math.Min(tail, 1 - novelty);
        return 1 - Math.Min(1, components.Length * tail);
    }

    /// <summary>How unusual a hidden state z [d_model] is for the training data, in 0..1; near 1 is unlike all of it.</summary>
    /// <exception cref="SparseRMException">z is not finite, an input needs the SAE, or a component has no statistics.</exception>
    public double Novelty(ReadOnlySpan<float> z)
    {
        var found = new double[Components.Count];
        for (int i = 0; i < found.Length; i++)
        {
            var component = Components[i];
            var estimator = component.Novelty ?? throw new SparseRMException(
                $"component \"{component.Name}\" has no statistics of its training inputs, so that novelty is not known; fit it again with at least {NoveltyEstimator.LeastSamples / 2} pairs.");
            found[i] = estimator.Of(InputOf(component, z));
        }
        return Novelty(found);
    }

    /// <summary>The score of every head for a hidden state z [d_model], component after component.</summary>
    /// <exception cref="SparseRMException">z is not finite, or an input needs the SAE (<see cref="HeadInput.NeedsSae"/>).</exception>
    public float[] HeadScores(ReadOnlySpan<float> z)
    {
        var scores = new float[HeadCount];
        int at = 0;
        foreach (var component in Components)
        {
            component.HeadScores(InputOf(component, z), scores.AsSpan(at));
            at += component.Heads.Count;
        }
        return scores;
    }

    /// <summary>The score of a hidden state z [d_model].</summary>
    /// <exception cref="SparseRMException">z is not finite, or an input needs the SAE.</exception>
    public float Score(ReadOnlySpan<float> z) => Total(HeadScores(z));

    private static float[] InputOf(RewardComponent component, ReadOnlySpan<float> z)
    {
        var v = new float[component.Input.Count];
        component.Input.Compute(z, v);
        return v;
    }

    private void RequireCount(ReadOnlySpan<float> headScores)
    {
        if (headScores.Length != HeadCount) throw new ArgumentException($"{headScores.Length} scores for {HeadCount} heads", nameof(headScores));
    }

    private void RequireHeads(ScoreAggregate aggregate)
    {
        if (aggregate.NeedsSeveralHeads && Components.FirstOrDefault(component => component.Heads.Count < 2) is { } sole)
            throw new SparseRMException(ErrorKind.Usage, $"aggregate {aggregate} needs several heads, but component \"{sole.Name}\" has one; use mean, or fit with at least 2 heads.");
    }
}
