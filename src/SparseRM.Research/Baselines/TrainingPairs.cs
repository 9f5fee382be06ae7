using SparseRM.Fitting;
using SparseRM.Research.Answers;

namespace SparseRM.Research.Baselines;

/// <summary>Pairs that a baseline learns from.</summary>
/// <param name="Answers">Whose rows the pairs name.</param>
/// <param name="Pairs">In each, what counts as preferred comes first; under label noise that is wrong for some.</param>
/// <param name="Groups">Pairs of one group never stand on both sides of a split.</param>
internal sealed record TrainingPairs(AnswerSet Answers, AnswerPair[] Pairs, string[] Groups)
{
    /// <summary>Rejected answers for each preferred one under imbalance.</summary>
    public const int Imbalance = 10;

    /// <summary>All pairs of a set.</summary>
    public static TrainingPairs Of(AnswerSet answers) => new(answers, answers.Pairs, answers.Groups);

    /// <summary>Some of the pairs.</summary>
    public TrainingPairs At(IReadOnlyList<int> pairs) => new(Answers, [.. pairs.Select(pair => Pairs[pair])], [.. pairs.Select(pair => Groups[pair])]);

    /// <summary>That many pairs, at random, in the order of the data.</summary>
    public TrainingPairs Scarce(int count, long seed) => At(Some(count, seed));

    /// <summary>Numbers of that many pairs, at random, rising.</summary>
    public int[] Some(int count, long seed) => [.. Shuffled(seed).Take(count).Order()];

    /// <summary>Both sides of a share of the pairs, at random, are exchanged: rounded to whole pairs.</summary>
    public TrainingPairs Noisy(double share, long seed)
    {
        var pairs = (AnswerPair[])Pairs.Clone();
        foreach (int pair in Shuffled(seed).Take((int)Math.Round(share * pairs.Length, MidpointRounding.AwayFromZero)))
            pairs[pair] = new AnswerPair(pairs[pair].Rejected, pairs[pair].Chosen);
        return this with { Pairs = pairs };
    }

    /// <summary>One preferred answer for <see cref="Imbalance"/> rejected ones: that of one pair of ten, against the rejected answers of all ten.</summary>
    public TrainingPairs Imbalanced(long seed)
    {
        var blocks = Shuffled(seed).Chunk(Imbalance).Where(block => block.Length == Imbalance).ToArray();
        return new(Answers, [.. blocks.SelectMany(block => block.Select(pair => new AnswerPair(Pairs[block[0]].Chosen, Pairs[pair].Rejected)))],
            [.. blocks.SelectMany((block, number) => block.Select(_ => $"block {number}"))]);
    }

    private int[] Shuffled(long seed)
    {
        int[] order = [.. Enumerable.Range(0, Pairs.Length)];
        new SeededRandom(seed, stream: -1000).Shuffle(order.AsSpan());
        return order;
    }
}
