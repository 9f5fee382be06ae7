namespace SparseRM;

/// <summary>What one component of a reward model says.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Score">Its score before its weight.</param>
/// <example><code>foreach (var (name, score) in result.Components) Console.WriteLine($"{name}: {score}");</code></example>
public readonly record struct ComponentScore(string Name, float Score);

/// <summary>The score of one token of an answer: that of the text that ends there, where the position is <c>last</c> or <c>content</c>.</summary>
/// <param name="Position">The token's index in the input.</param>
/// <param name="Score">Its score.</param>
/// <example><code>foreach (var (position, score) in result.TokenScores) Console.WriteLine($"{tokenizer.TokenText(ids[position])} {score}");</code></example>
public readonly record struct TokenScore(int Position, float Score);

/// <summary>A score and what was asked for beside it, or why there is none.</summary>
/// <example><code>
/// ScoreResult result = scorer.ScoreAll([input], new ScoreOptions { Doubt = true })[0];
/// if (result.Error is { } error) throw error;
/// Console.WriteLine($"{result.Score} +- {result.StandardDeviation}");
/// </code></example>
public sealed record ScoreResult
{
    /// <summary>The score; NaN where there is an <see cref="Error"/>, never another number.</summary>
    public required float Score { get; init; }

    /// <summary>Sample standard deviation over the heads, where it was asked for.</summary>
    public double? StandardDeviation { get; init; }

    /// <summary>How unlike the training data the input is, in 0..1, where it was asked for; near 1 is unlike all of it.</summary>
    public double? Novelty { get; init; }

    /// <summary>The components' scores; one of them where the reward model has one.</summary>
    public IReadOnlyList<ComponentScore> Components { get; init; } = [];

    /// <summary>Scores of tokens in rising order, where they were asked for.</summary>
    public IReadOnlyList<TokenScore> TokenScores { get; init; } = [];

    /// <summary>Why the score is what it is, where that was asked for.</summary>
    public RewardExplanation? Explanation { get; init; }

    /// <summary>Tokens of the input.</summary>
    public required int Tokens { get; init; }

    /// <summary>Why there is no score; null where there is one.</summary>
    public Exception? Error { get; init; }
}
