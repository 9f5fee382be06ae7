using SparseRM.Errors;

namespace SparseRM;

/// <summary>A backbone's queue takes no more: nothing of the call was started, and it may be made again later.</summary>
public sealed class QueueFullException : SparseRMException
{
    internal QueueFullException(int requests, long tokens, QueueOptions options)
        : base($"{requests} requests with {tokens} tokens wait already, the bounds are {options.MaxRequests} and {options.MaxTokens}; try again later")
    {
    }

    /// <inheritdoc/>
    public override ErrorKind Kind => ErrorKind.Full;
}
