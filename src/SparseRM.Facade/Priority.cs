namespace SparseRM;

/// <summary>Which of two requests that wait goes first.</summary>
/// <example><code>var results = await scorer.ScoreAllAsync(inputs, new ScoreOptions { Priority = Priority.Bulk });</code></example>
public enum Priority
{
    /// <summary>Somebody waits for it: it goes before all that is bulk.</summary>
    Interactive,
    /// <summary>A long job: it is run when nothing interactive waits, and now and then between.</summary>
    Bulk,
}
