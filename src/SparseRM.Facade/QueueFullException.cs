using SparseRM.Errors;

namespace SparseRM;

/// <summary>A backbone's queue takes no more: nothing of the call was started, and it may be made again later.</summary>
/// <example><code>
/// try { return await scorer.ScoreAsync(prompt, answer); }
/// catch (QueueFullException) { return Busy(); }   // nothing was started: the caller may come again
/// </code></example>
public sealed class QueueFullException : SparseRMException
{
    internal QueueFullException(int requests, long tokens, QueueOptions options)
        : base($"{requests} requests with {tokens} tokens wait already, the bounds are {options.MaxRequests} and {options.MaxTokens}; try again later")
    {
    }

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Full;
}
