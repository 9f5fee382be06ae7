using System.CommandLine;
using SparseRM.Errors;
using SparseRM.Scoring;

namespace SparseRM.Cli.Terminal;

/// <summary>What <c>score</c> tells beside a score.</summary>
internal static class ScoreSettings
{
    private const int DefaultDirections = 8;

    public static Option<PerToken> PerToken { get; } = Choices.WithDefault("--per-token",
        "add token_scores and token_positions: of every token of the answer, or of the last token of each sentence or step (line)", SparseRM.PerToken.Token,
        ("token", SparseRM.PerToken.Token), ("sentence", SparseRM.PerToken.Sentence), ("step", SparseRM.PerToken.Step));

    public static Option<bool> Doubt { get; } = new("--doubt") { Description = "add score_std, the standard deviation over the heads" };

    public static Option<bool> Probability { get; } = new("--probability")
    {
        Description = "add probability: of responses that each is the preferred one of its line, of a response alone that it is preferred to an average one (needs fit --calibrate)",
    };

    public static Option<bool> Novelty { get; } = new("--novelty") { Description = "add novelty, in 0..1: near 1 is unlike all training data" };

    public static Option<bool> Explain { get; } = new("--explain")
    {
        Description = "add explanation: the directions with the largest shares, and the tokens that push them; mean_score + shares + remainder = score",
    };

    public static Option<int?> Top { get; } = Choices.Whole("--top", $"directions that --explain shows (default: {DefaultDirections})", least: 0);

    public static IReadOnlyList<Option> All { get; } = [Explain, Top, PerToken, Probability, Doubt, Novelty, CommonOptions.Aggregate];

    /// <summary>What the user asked for.</summary>
    /// <exception cref="UsageException">Two options do not go together.</exception>
    public static ScoreOptions Read(ParseResult args)
    {
        bool explain = args.GetValue(Explain);
        if (args.Has(Top) && !explain) throw new UsageException("--top says how many directions --explain shows; add --explain, or leave --top out");
        return new ScoreOptions
        {
            Aggregate = args.Has(CommonOptions.Aggregate) ? args.GetValue(CommonOptions.Aggregate) : null,
            Doubt = args.GetValue(Doubt),
            Novelty = args.GetValue(Novelty),
            PerToken = args.GetValue(PerToken),
            Explain = explain ? args.GetValue(Top) ?? DefaultDirections : null,
        };
    }

    /// <summary>Refuses what a reward model cannot tell, before its language model is opened.</summary>
    /// <exception cref="UsageException">One head has no doubt, or novelty has no statistics.</exception>
    public static void Check(ParseResult args, ScoreOptions options, RewardModel reward, string path)
    {
        if (args.GetValue(Probability) && reward.Calibration is null)
            throw new UsageException($"--probability needs a calibration, which {path} does not have; fit it with --calibrate");
        if (args.GetValue(Probability) && options.Aggregate is { } other && other != reward.Aggregate)
            throw new UsageException($"--probability holds for scores by the aggregate {reward.Aggregate}, for which {path} was calibrated, and not by {other}; leave --aggregate out");
        var sole = reward.Components.FirstOrDefault(component => component.Heads.Count < 2);
        string one = $"component '{sole?.Name}' of {path} has one head";
        if (options.Doubt && sole is not null) throw new UsageException($"--doubt needs several heads, but {one}; fit with --heads 2 or more");
        if (options.Aggregate is { NeedsSeveralHeads: true } aggregate && sole is not null)
            throw new UsageException($"--aggregate {aggregate} needs several heads, but {one}; use mean, or fit with --heads 2 or more");
        if (options.Novelty && reward.Components.FirstOrDefault(component => component.Novelty is null) is { } unknown)
            throw new UsageException($"--novelty needs statistics of the training data, which component '{unknown.Name}' of {path} does not have; fit it again with more pairs");
        var used = options.Aggregate ?? reward.Aggregate;
        if (options.Explain is not null && used != ScoreAggregate.Mean && reward.Components.Any(component => component.Heads.Count > 1))
            throw new UsageException($"--explain explains the mean of the heads, but the aggregate is {used}; add --aggregate mean, or leave --explain out");
    }
}
