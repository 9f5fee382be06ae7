namespace SparseRM;

/// <summary>How one call goes through the queue.</summary>
public sealed record ScoreCallOptions
{
    /// <summary>Before whom it goes. The texts of interactive calls are kept in the prefix cache.</summary>
    public Priority Priority { get; init; } = Priority.Interactive;

    /// <summary>How long it may take, from the call on; null for as long as it takes.</summary>
    public TimeSpan? Deadline { get; init; }
}
