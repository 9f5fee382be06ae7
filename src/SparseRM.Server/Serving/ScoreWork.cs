using SparseRM.Models;

namespace SparseRM.Server.Serving;

/// <summary>What a request asks for, whatever its wire.</summary>
/// <param name="Items">What to score, in the order of the answers.</param>
internal sealed record ScoreWork(IReadOnlyList<ScoreItem> Items)
{
    /// <summary>Which reward model; null for the first.</summary>
    public string? Model { get; init; }

    /// <summary>Whether too long inputs are cut, and where; refused otherwise.</summary>
    public Truncation Truncation { get; init; } = Truncation.Refuse;

    /// <summary>Tokens that truncation leaves; null for the model's context.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>For which tokens a score of their own is wanted.</summary>
    public PerToken PerToken { get; init; }

    /// <summary>Whether the spread of the heads is wanted.</summary>
    public bool Doubt { get; init; }

    /// <summary>Whether it is wanted how unusual an input is.</summary>
    public bool Novelty { get; init; }

    /// <summary>Its priority.</summary>
    public Priority Priority { get; init; } = Priority.Interactive;

    /// <summary>How long it may take; null for the server's own bound.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>Directions and tokens of an explanation; null for none.</summary>
    public (int Directions, int Tokens)? Explain { get; init; }
}
