using SparseRM.Errors;

namespace SparseRM;

/// <summary>How much may wait for a backbone.</summary>
/// <example><code>var options = new BackboneOptions { Model = folder, Queue = new QueueOptions { MaxRequests = 256 } };   // the 257th gets QueueFullException</code></example>
public sealed record QueueOptions
{
    /// <summary>Requests that may wait; one call alone may bring more.</summary>
    public int MaxRequests { get; init; } = 4096;

    /// <summary>Tokens that may wait; one call alone may bring more.</summary>
    public long MaxTokens { get; init; } = 1L << 24;

    /// <summary>
    /// How long a batch waits for more requests than were there when the backend became free, at most; only where several callers are at work. A
    /// caller that is alone never waits.
    /// </summary>
    public TimeSpan GatherWait { get; init; } = TimeSpan.FromMilliseconds(0.5);
}
