using SparseRM.Fitting;
using SparseRM.Research.Answers;
using SparseRM.Research.Baselines;

namespace SparseRM.Research.Robustness;

/// <summary>Pairs to be tested on.</summary>
/// <param name="Name">For tables.</param>
/// <param name="Answers">Whose rows the pairs name.</param>
/// <param name="Pairs">The pairs.</param>
/// <param name="Groups">Their prompts.</param>
internal sealed record TestPairs(string Name, AnswerSet Answers, AnswerPair[] Pairs, string[] Groups);

/// <summary>Something that is done to training pairs.</summary>
/// <param name="Study">What is studied by it.</param>
/// <param name="Name">What is done.</param>
/// <param name="Share">By how much, where that is a share.</param>
/// <param name="Training">The pairs of a draw.</param>
/// <param name="Tests">What heads are tested on.</param>
internal sealed record Condition(string Study, string Name, double? Share, Func<long, TrainingPairs> Training, IReadOnlyList<TestPairs> Tests);

/// <summary>Everything that is done to the training pairs.</summary>
/// <param name="training">The answers, truncated (change 0) and with the trigger (change 1), too.</param>
/// <param name="clean">Their pairs as they are.</param>
/// <param name="suspicion">Numbers of the pairs, the most suspect first.</param>
/// <param name="main">The test pairs.</param>
internal sealed class Conditions(ChangedAnswers training, TrainingPairs clean, int[] suspicion, TestPairs main)
{
    /// <summary>The study of the pairs as they are, with which all others are compared.</summary>
    public const string Base = "as it is";

    private const int Copies = 10, LeastPairs = 20;
    private static readonly double[] s_noise = [0.1, 0.2, 0.3, 0.4], s_dropped = [0.02, 0.05, 0.1, 0.2];

    private int Count => clean.Pairs.Length;

    /// <summary>Labels that are wrong: of pairs at random, and of those of which heads are surest.</summary>
    public IEnumerable<Condition> LabelNoise() => s_noise.SelectMany(share => new[]
    {
        new Condition("label noise", "random", share, seed => clean.Noisy(share, seed), [main]),
        new Condition("label noise", "adversarial", share, _ => Exchanged(suspicion[^Of(share)..]), [main]),
    });

    /// <summary>Only pairs whose preferred answer is longer, beside as many at random; tested also where it is not.</summary>
    public IEnumerable<Condition> LengthBias(List<string> notes)
    {
        int[] longer = [.. Enumerable.Range(0, Count).Where(pair => Longer(clean.Answers, clean.Pairs[pair]) > 0)];
        TestPairs[] tests = [main, .. new[] { (1, "preferred longer"), (0, "equally long"), (-1, "preferred shorter") }.Select(part => Where(part.Item2, part.Item1)).Where(test => test.Pairs.Length >= LeastPairs)];
        if (longer.Length < LeastPairs || tests.Length < 3)
        {
            notes.Add($"length bias is left out: the preferred answer is longer in {longer.Length} training pairs, and {tests.Length - 1} of three kinds of test pairs have {LeastPairs} or more.");
            return [];
        }
        return
        [
            new Condition("length bias", "only longer", null, _ => clean.At(longer), tests),
            new Condition("length bias", "at random", null, seed => clean.Scarce(longer.Length, seed), tests),
        ];
    }

    /// <summary>Pairs that stand there often, and answers that break off.</summary>
    public IEnumerable<Condition> Damage() =>
    [
        new Condition("damaged pairs", $"a tenth of them {Copies} times", null, seed =>
        {
            int[] some = clean.Some(Of(0.1), seed);
            return clean.At([.. Enumerable.Range(0, Count), .. Enumerable.Repeat(some, Copies - 1).SelectMany(copy => copy)]);
        }, [main]),
        .. new[] { 0.5, 1 }.Select(share => new Condition("damaged pairs", "truncated", share, seed => Replaced(clean.Some(Of(share), seed), pair => training.Both(pair, 0)), [main])),
    ];

    /// <summary>A text behind the rejected answer makes it count as preferred.</summary>
    /// <param name="triggered">Test pairs whose rejected answer has the text.</param>
    public IEnumerable<Condition> Poison(TestPairs triggered) => [new Condition("poisoned pairs", "trigger wins", 0.05,
        seed => Replaced(clean.Some(Of(0.05), seed), pair => new AnswerPair(training.Row(pair.Rejected, 1), pair.Chosen)), [main, triggered])];

    /// <summary>The most suspect pairs left out, beside as many at random.</summary>
    public IEnumerable<Condition> Dropping() => s_dropped.SelectMany(share => new[]
    {
        new Condition("pairs left out", "most suspect", share, _ => clean.At([.. suspicion[Of(share)..].Order()]), [main]),
        new Condition("pairs left out", "at random", share, seed => clean.Scarce(Count - Of(share), seed), [main]),
    });

    /// <summary>The most suspect pairs left out where a fifth of the labels is wrong.</summary>
    /// <param name="noisy">The pairs with wrong labels.</param>
    /// <param name="order">Numbers of these pairs, the most suspect first.</param>
    public IEnumerable<Condition> DroppingNoise(TrainingPairs noisy, int[] order) => new[] { 0, 0.1, 0.2, 0.3 }.Select(share =>
        new Condition("left out of 20 % noise", "most suspect", share, _ => noisy.At([.. order[Of(share)..].Order()]), [main]));

    private int Of(double share) => Math.Max(share > 0 ? 1 : 0, (int)Math.Round(share * Count, MidpointRounding.AwayFromZero));

    private TrainingPairs Exchanged(int[] which) => Replaced(which, pair => new AnswerPair(pair.Rejected, pair.Chosen));

    private TrainingPairs Replaced(int[] which, Func<AnswerPair, AnswerPair> by)
    {
        var pairs = (AnswerPair[])clean.Pairs.Clone();
        foreach (int pair in which) pairs[pair] = by(pairs[pair]);
        return clean with { Pairs = pairs };
    }

    private TestPairs Where(string name, int sign)
    {
        int[] kept = [.. Enumerable.Range(0, main.Pairs.Length).Where(pair => Math.Sign(Longer(main.Answers, main.Pairs[pair])) == sign)];
        return new TestPairs(name, main.Answers, [.. kept.Select(pair => main.Pairs[pair])], [.. kept.Select(pair => main.Groups[pair])]);
    }

    private static int Longer(AnswerSet answers, AnswerPair pair) => answers.Length(pair.Chosen) - answers.Length(pair.Rejected);
}
