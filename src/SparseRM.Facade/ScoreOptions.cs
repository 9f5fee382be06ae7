using SparseRM.Scoring;

namespace SparseRM;

/// <summary>For which tokens of an answer a score is given beside the answer's.</summary>
/// <example><code>var options = new ScoreOptions { PerToken = PerToken.Sentence };   // a score at the end of each sentence</code></example>
public enum PerToken
{
    /// <summary>For none.</summary>
    None,
    /// <summary>For every token.</summary>
    Token,
    /// <summary>For the last token of each sentence: one that ends in <c>. ! ?</c> or an ellipsis before a blank or a new line; and for the last of all.</summary>
    Sentence,
    /// <summary>For the last token of each step, which a new line ends; and for the last of all.</summary>
    Step,
}

/// <summary>What is asked for beside a score, and how the call goes through the queue.</summary>
/// <example><code>var results = scorer.ScoreAll(inputs, new ScoreOptions { Doubt = true, Explain = 5 });</code></example>
public sealed record ScoreOptions
{
    /// <summary>Its priority. The texts of interactive calls are kept in the prefix cache.</summary>
    public Priority Priority { get; init; } = Priority.Interactive;

    /// <summary>How long an asynchronous call may take; null for as long as it takes.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>
    /// Whether an asynchronous call of one text may compute it before it returns, where nobody else waits and the last pass took less than 5 ms: no other thread
    /// is woken then. For callers that have a thread to themselves, such as a server's requests.
    /// </summary>
    public bool HereIfAlone { get; init; }

    /// <summary>How several heads become one score; null for the reward model's own way.</summary>
    public ScoreAggregate? Aggregate { get; init; }

    /// <summary>Whether the standard deviation over the heads is given.</summary>
    public bool Doubt { get; init; }

    /// <summary>Whether it is given how unlike the training data the input is.</summary>
    public bool Novelty { get; init; }

    /// <summary>For which tokens of the answer a score is given, too.</summary>
    public PerToken PerToken { get; init; }

    /// <summary>How many directions explain the score, those with the largest shares; null for no explanation.</summary>
    /// <remarks>What is explained is the mean of the heads: another aggregate of several heads is refused.</remarks>
    public int? Explain { get; init; }

    /// <summary>How many tokens show each of these directions.</summary>
    public int ExplainTokens { get; init; } = 5;
}
